using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>A storm of short visits: connect, seal a few documents in a bulk stream, take the answers, disconnect.</summary>
internal sealed class ReconnectTraffic : CallTraffic
{
    private const int DocumentsPerVisit = 100;

    public required int DocumentBytes { get; init; }

    protected override CallLoop CreateLoop(TrafficContext context, GrpcConnection connection, int number) =>
        new Loop(context.Address, new DocumentFrames([new byte[DocumentBytes]], number));

    private sealed class Loop(string address, DocumentFrames frames) : CallLoop
    {
        public override async Task<(int Documents, long Bytes)> CallAsync()
        {
            using var connection = new GrpcConnection(address);
            using var responses = await connection.OpenAsync(frames.Path, SendAsync, CancellationToken.None);
            var answered = 0;
            do
            {
                while (responses.TryRead(out var message))
                {
                    var answer = frames.Count(message.Span);
                    answered += answer.Failed == 0 ? answer.Documents : throw new GrpcCallException(answer.Error!);
                }
            }
            while (await responses.WaitToReadAsync(CancellationToken.None));

            return answered == DocumentsPerVisit
                ? (answered, (long)(answered * frames.BytesPerDocument))
                : throw new GrpcCallException($"{answered} of {DocumentsPerVisit} documents were answered");
        }

        private async Task SendAsync(Stream stream, CancellationToken cancellationToken)
        {
            for (var sent = 0; sent < DocumentsPerVisit;)
            {
                var bytes = frames.Next(DocumentsPerVisit - sent, out var documents);
                await stream.WriteAsync(bytes, cancellationToken);
                sent += documents;
            }
        }
    }
}
