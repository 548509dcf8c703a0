using SealService.Merkle;
using Xunit;

namespace SealService.Tests.Merkle;

public sealed class SaltGeneratorTests
{
    [Fact]
    public void GetSalt_Fips197Key_IsTheBlockCipherOfTheNumber()
    {
        // openssl enc -aes-128-ecb -nopad of the 16-byte big-endian number.
        byte[] key = Convert.FromHexString("000102030405060708090a0b0c0d0e0f");
        using var salts = new SaltGenerator(key);
        Assert.Equal("c6a13b37878f5b826f4f8162a1c8d879", Convert.ToHexStringLower(salts.GetSalt(0)));
        Assert.Equal("7346139595c0b41e497bbde365f42d0a", Convert.ToHexStringLower(salts.GetSalt(1)));
        Assert.Equal(key, salts.GetKey());
    }

    [Fact]
    public void GetSalt_AnyOrder_AgreesWithGenerate()
    {
        Random random = SeededRandom.Create();
        using var salts = new SaltGenerator();
        var all = new byte[1_000 * SaltGenerator.SaltBytes];
        salts.Generate(0, all);
        for (int run = 0; run < 2_000; run++)
        {
            int i = random.Next(1_000);
            Assert.Equal(all.AsSpan(i * SaltGenerator.SaltBytes, SaltGenerator.SaltBytes), salts.GetSalt(i));
        }
    }

    [Fact]
    public void Rekey_GivesOtherSalts()
    {
        using var salts = new SaltGenerator(new byte[16]);
        byte[] before = salts.GetSalt(0).ToArray();
        salts.Rekey();
        Assert.NotEqual(before, salts.GetSalt(0).ToArray());
        Assert.NotEqual(new byte[16], salts.GetKey());
        salts.Rekey(new byte[16]);
        Assert.Equal(before, salts.GetSalt(0));
    }

    [Fact]
    public void WrongSizes_Throw()
    {
        using var salts = new SaltGenerator();
        Assert.Throws<ArgumentException>(() => salts.Rekey(new byte[15]));
        Assert.Throws<ArgumentException>(() => salts.Rekey(new byte[32]));
        Assert.Throws<ArgumentException>(() => salts.Generate(0, new byte[17]));
        Assert.Throws<ArgumentOutOfRangeException>(() => salts.GetSalt(-1).Length);
    }
}
