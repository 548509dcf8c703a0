using Grpc.Net.Client;
using Seal.V1;
using SealService.EndToEndTests.Harness;

namespace SealService.EndToEndTests;

/// <summary>A document's size does not show in the server's memory.</summary>
public sealed class LargeDocumentTests(SoftHsm hsm) : IClassFixture<SoftHsm>
{
    private const long DocumentBytes = 1L << 30;
    private const long MemoryAboveIdleBytesMax = 32L << 20;

    [Fact]
    public async Task OneGibibyte_CostsNoMoreThan32MibAboveIdle()
    {
        await using var server = new RealServer(hsm);
        await server.StartAsync();
        await SealZerosAsync(server, 8 << 20); // what any first document costs: code, buffers
        var idle = ResidentMemory.BytesOf(server);
        await using var memory = new ResidentMemory(server);
        var receipt = await SealZerosAsync(server, DocumentBytes);
        var peak = memory.PeakBytes;
        Assert.Equal(DocumentBytes, LogEntry.Parser.ParseFrom(receipt.Entry).DocumentSizeBytes);
        Assert.True(peak - idle <= MemoryAboveIdleBytesMax, $"idle {idle >> 20} MiB, peak {peak >> 20} MiB");
    }

    private static async Task<Receipt> SealZerosAsync(RealServer server, long size)
    {
        using var channel = GrpcChannel.ForAddress(server.Url);
        using var call = new Sealing.SealingClient(channel).SealDocument(deadline: DateTime.UtcNow.AddMinutes(2));
        await call.RequestStream.WriteAsync(new SealDocumentRequest { Header = new SealDocumentHeader() });
        var chunk = new SealDocumentRequest { Chunk = Google.Protobuf.ByteString.CopyFrom(new byte[1 << 20]) };
        for (long sent = 0; sent < size; sent += 1 << 20)
        {
            await call.RequestStream.WriteAsync(chunk);
        }

        await call.RequestStream.CompleteAsync();
        return (await call.ResponseAsync).Receipt;
    }
}
