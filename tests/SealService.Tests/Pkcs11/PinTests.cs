using System.Runtime.Versioning;
using System.Text;
using SealService.Pkcs11;
using Xunit;

namespace SealService.Tests.Pkcs11;

[UnsupportedOSPlatform("windows")]
public sealed class PinTests : IDisposable
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("1234", "1234")]
    [InlineData("1234\n", "1234")]
    [InlineData("1234\r\n", "1234")]
    [InlineData("1234\n\n", "1234\n")]
    [InlineData(" 12 34 ", " 12 34 ")]
    public void Read_File_TrimsOneNewline(string content, string expected)
    {
        Write(content, Owner);

        using Pin pin = Pin.Read(_path);

        Assert.Equal(expected, Encoding.UTF8.GetString(pin.Bytes));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void Read_OpenToOthers_IsRefusedWithPathAndMode(UnixFileMode more)
    {
        Write("1234", Owner | more);

        var exception = Assert.Throws<HsmConfigurationException>(() => Pin.Read(_path));

        Assert.Contains(_path, exception.Message, StringComparison.Ordinal);
        Assert.Contains("must be 600", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("1234", exception.Message.Replace(_path, "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OnlyReadableByOwner_IsAccepted()
    {
        Write("1234", UnixFileMode.UserRead);

        using Pin pin = Pin.Read(_path);

        Assert.Equal(4, pin.Bytes.Length);
    }

    [Theory]
    [InlineData(0, "is empty")]
    [InlineData(256, "more than 255 bytes")]
    [InlineData(5000, "more than 255 bytes")]
    public void Read_WrongLength_IsRefused(int length, string message)
    {
        Write(new string('1', length), Owner);

        Assert.Contains(message, Assert.Throws<HsmConfigurationException>(() => Pin.Read(_path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LongestPinWithNewline_IsAccepted()
    {
        Write(new string('1', 255) + "\r\n", Owner);

        using Pin pin = Pin.Read(_path);

        Assert.Equal(255, pin.Bytes.Length);
    }

    [Fact]
    public void Read_NoFile_NamesIt()
    {
        var exception = Assert.Throws<HsmConfigurationException>(() => Pin.Read("/nowhere/pin"));

        Assert.Contains("'/nowhere/pin' can't be read", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dispose_ClearsThePin()
    {
        Write("1234", Owner);
        Pin pin = Pin.Read(_path);

        pin.Dispose();

        Assert.Equal(new byte[4], pin.Bytes.ToArray());
    }

    private void Write(string content, UnixFileMode mode)
    {
        File.WriteAllText(_path, content);
        File.SetUnixFileMode(_path, mode);
    }
}
