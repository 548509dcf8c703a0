using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;

namespace SealService.EndToEndTests.Harness;

/// <summary>Documents that can be made again from their number, and plain calls that seal them.</summary>
internal static class TestDocuments
{
    /// <summary>Document <paramref name="number"/>: bytes that depend on nothing but the number; 0 to about 2 KiB.</summary>
    public static byte[] Make(int number)
    {
        var bytes = new byte[(number * 37) % 2048];
        new Random(number).NextBytes(bytes);
        return bytes;
    }

    public static string KeyOf(int number) => string.Create(CultureInfo.InvariantCulture, $"test-document-{number}");

    public static SealDocumentsRequest Whole(int number, bool withKey = true) => new()
    {
        Ref = (ulong)number,
        Whole = new WholeDocument
        {
            Header = new DocumentHeader { IdempotencyKey = withKey ? KeyOf(number) : "" },
            Content = ByteString.CopyFrom(Make(number)),
        },
    };

    /// <summary>Seals documents 0 to <paramref name="count"/>−1 in one bulk stream with full receipts; the receipts by document number.</summary>
    public static async Task<Dictionary<int, Receipt>> SealAsync(RealServer server, int count)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        var client = new Sealing.SealingClient(channel);
        using var call = client.SealDocuments(deadline: DateTime.UtcNow.AddMinutes(2), cancellationToken: TestContext.Current.CancellationToken);
        var receipts = new Dictionary<int, Receipt>();
        var reading = Task.Run(async () =>
        {
            await foreach (var answer in call.ResponseStream.ReadAllAsync())
            {
                Assert.True(answer.AnswerCase == SealDocumentsResponse.AnswerOneofCase.Sealed, answer.ToString());
                receipts.Add((int)answer.Sealed.Ref, answer.Sealed.Receipt);
            }
        });
        await call.RequestStream.WriteAsync(new SealDocumentsRequest { Options = new StreamOptions { ReceiptForm = ReceiptForm.Full } });
        for (var i = 0; i < count; i++)
        {
            await call.RequestStream.WriteAsync(Whole(i));
        }

        await call.RequestStream.CompleteAsync();
        await reading;
        Assert.Equal(count, receipts.Count);
        return receipts;
    }
}
