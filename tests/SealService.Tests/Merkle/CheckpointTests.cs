using System.Text;
using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class CheckpointTests
{
    private const string KatRoot = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";

    [Fact]
    public void KnownAnswer_Checkpoint_IsWrittenReadAndVerified()
    {
        TestSigner signer = TestSigner.Ed25519("seal.example/kat", SignedNoteTests.PeterNeumannSeed);
        Assert.Equal(0x3137ab66u, signer.Key.KeyId);

        MerkleHash root = MerkleHash.Read(Convert.FromHexString(KatRoot));
        byte[] note = signer.SignCheckpoint(8, root);
        Assert.Equal(
            "seal.example/kat\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
            + "— seal.example/kat MTerZpQDjA16DVrwW0USuvQOqglpyZrl5HOTsNPI9gzGVy/ox566RY4z2VWkl16l45CE6OCT+ciKxjAZfjopXPNeMgU=\n",
            Encoding.UTF8.GetString(note));

        Assert.True(Checkpoint.TryOpen(note, [signer.Key], out Checkpoint? checkpoint, out _));
        Assert.Equal(new Checkpoint("seal.example/kat", 8, root), checkpoint);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n8\n{0}\n")]
    [InlineData("origin\n{0}\n")]
    [InlineData("origin\n\n{0}\n")]
    [InlineData("origin\n08\n{0}\n")]
    [InlineData("origin\n-8\n{0}\n")]
    [InlineData("origin\n+8\n{0}\n")]
    [InlineData("origin\n8 \n{0}\n")]
    [InlineData("origin\n9223372036854775808\n{0}\n")]
    [InlineData("origin\n8\n")]
    [InlineData("origin\n8\nAAAA\n")]
    [InlineData("origin\n8\n{0}")]
    [InlineData("origin\n8\n{0}\n\n")]
    [InlineData("origin\n8\n{0}\nextension\n\nextension\n")]
    [InlineData("origin\n8\n{0}\nextension")]
    public void TryParse_MalformedCheckpoint_IsFalse(string format)
    {
        byte[] text = Encoding.UTF8.GetBytes(string.Format(null, format, Convert.ToBase64String(new byte[32])));
        Assert.False(Checkpoint.TryParse(text, out Checkpoint? checkpoint, out string? error));
        Assert.Null(checkpoint);
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TryParse_CheckpointWithExtensions_LeavesThemOut()
    {
        var checkpoint = new Checkpoint("origin with space/ü", long.MaxValue, TreeHasher.EmptyRoot);
        byte[] text = [.. checkpoint.Format(), .. "extension 1\nextension 2\n"u8];
        Assert.True(Checkpoint.TryParse(text, out Checkpoint? parsed, out _));
        Assert.Equal(checkpoint, parsed);

        checkpoint = new Checkpoint("empty", 0, TreeHasher.EmptyRoot);
        Assert.True(Checkpoint.TryParse(checkpoint.Format(), out parsed, out _));
        Assert.Equal(checkpoint, parsed);
    }

    [Fact]
    public void TryOpen_SignedByAnotherName_IsFalse()
    {
        TestSigner signer = TestSigner.Ed25519("signer.example");
        byte[] note = signer.SignNote(new Checkpoint("other.example", 1, default).Format());
        Assert.False(Checkpoint.TryOpen(note, [signer.Key], out Checkpoint? checkpoint, out string? error));
        Assert.Null(checkpoint);
        Assert.Contains("other.example", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Format_NoCheckpoint_Throws()
    {
        Assert.Throws<InvalidOperationException>(() => new Checkpoint("", 0, default).Format());
        Assert.Throws<InvalidOperationException>(() => new Checkpoint("two\nlines", 0, default).Format());
        Assert.Throws<InvalidOperationException>(() => new Checkpoint("origin", -1, default).Format());
    }
}
