using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests.HostilePeers;

/// <summary>A peer that opens stream after stream, and another connection whenever the server has had enough of one. For one caller at a time.</summary>
internal sealed class ReconnectingPeer(RealServer server) : IAsyncDisposable
{
    private Http2Peer? _peer;
    private int _nextStream = 1;

    /// <summary>Sends what begins each of so many new streams; the last one's number.</summary>
    public async Task<int> SendAsync(int streams, Func<int, byte[]> begin)
    {
        if (_peer is null || _peer.HasEnded)
        {
            await DisposeAsync();
            _peer = await Http2Peer.GreetAsync(server);
            _nextStream = 1;
        }

        var bytes = new List<byte>();
        for (var i = 0; i < streams; i++, _nextStream += 2)
        {
            bytes.AddRange(begin(_nextStream));
        }

        await _peer.SendAsync(bytes.ToArray());
        return _nextStream - 2;
    }

    /// <summary>How the server ended a stream of the present connection.</summary>
    public Task<StreamOutcome> OutcomeAsync(int stream) => _peer!.OutcomeAsync(stream);

    public async ValueTask DisposeAsync()
    {
        if (_peer is not null)
        {
            await _peer.DisposeAsync();
        }
    }
}
