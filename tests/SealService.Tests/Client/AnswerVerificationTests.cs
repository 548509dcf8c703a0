using Google.Protobuf;
using SealService.Client;
using Xunit;
using static SealService.Tests.Client.BulkRuns;
using Answer = Seal.V1.CompactReceipts;

namespace SealService.Tests.Client;

/// <summary>A server that lies is not believed.</summary>
public sealed class AnswerVerificationTests
{
    private static readonly Dictionary<string, Action<Answer>> Lies = new(StringComparer.Ordinal)
    {
        ["leaf"] = answer => answer.LeafHashes = Flip(answer.LeafHashes, 0),
        ["left range"] = answer => answer.LeftRange = Flip(answer.LeftRange, 0),
        ["right range"] = answer => answer.RightRange = Flip(answer.RightRange, 0),
        ["range that is missing"] = answer => answer.RightRange = ByteString.Empty,
        ["index"] = answer => answer.FirstIndex++,
        ["salt"] = answer => answer.SaltKey = Flip(answer.SaltKey, 3),
        ["salt of another length"] = answer => answer.SaltKey = ByteString.CopyFrom(1, 2, 3),
        ["time"] = answer => answer.SealedAtUnixMs++,
        ["time offset"] = answer => answer.SealedAtOffsetsMs[0]++,
        ["checkpoint text"] = answer => answer.Checkpoint = Flip(answer.Checkpoint, 25),
        ["signature"] = answer => answer.Checkpoint = Flip(answer.Checkpoint, answer.Checkpoint.Length - 12),
        ["ref that nobody sent"] = answer => answer.Refs[0] = 1_000_000,
        ["a ref too many"] = answer => answer.Refs.Add(answer.Refs[0]),
        ["hashes that are not whole"] = answer => answer.LeafHashes = ByteString.CopyFrom(answer.LeafHashes.Span[1..]),
    };

    public static TheoryData<string> LieNames => [.. Lies.Keys];

    [Theory]
    [MemberData(nameof(LieNames))]
    public async Task SealAll_AnswerThatIsALie_IsNotBelieved(string what)
    {
        await using var server = await FakeSealServer.StartAsync();
        server.Ledger.Tamper = Lies[what];
        await using var client = server.CreateClient();

        var exception = await Record.ExceptionAsync(() => client.SealAsync(Document(1), Options, Cancellation));

        Assert.True(exception is InvalidAnswerException, $"{what}: {exception?.ToString() ?? "was believed"}");
    }

    [Fact]
    public async Task SealAll_SignedByAnotherKey_IsNotBelieved()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = server.CreateClient(keys: new FakeLedger(server.Ledger.Origin).Key);

        await Assert.ThrowsAsync<InvalidAnswerException>(() => client.SealAsync(Document(1), Options, Cancellation));
    }

    [Fact]
    public async Task SealAll_WithoutKeys_StillChecksTheProofs()
    {
        await using var server = await FakeSealServer.StartAsync();
        await using var client = new SealClient(new SealClientOptions { Address = server.Address });

        Assert.True((await client.SealAsync(Document(1), Options, Cancellation)).IsSealed);
        server.Ledger.Tamper = answer => answer.LeafHashes = Flip(answer.LeafHashes, 0);
        await Assert.ThrowsAsync<InvalidAnswerException>(() => client.SealAsync(Document(2), Options, Cancellation));
    }

    private static ByteString Flip(ByteString bytes, int at)
    {
        var changed = bytes.ToByteArray();
        changed[at] ^= 1;
        return ByteString.CopyFrom(changed);
    }
}
