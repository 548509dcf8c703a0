using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;

namespace SealService.EndToEndTests.Harness;

/// <summary>What is in the default ledger, as anybody can read it.</summary>
internal static class LedgerEntries
{
    /// <summary>The bytes of every entry, by index.</summary>
    public static async Task<List<ByteString>> ReadAllAsync(RealServer server)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        using var call = new Seal.V1.Ledger.LedgerClient(channel).GetEntries(new GetEntriesRequest(), cancellationToken: TestContext.Current.CancellationToken);
        var entries = new List<ByteString>();
        await foreach (var message in call.ResponseStream.ReadAllAsync())
        {
            Assert.Equal(entries.Count, message.FirstIndex);
            entries.AddRange(message.Entries);
        }

        return entries;
    }
}
