using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Grpc.Wire;
using Xunit;

namespace SealService.Tests.Grpc;

/// <summary>What headers and trailers carry, against slow oracles: random and hostile text is read as they read it, or not at all.</summary>
public sealed partial class CodecFuzzTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void Timeout_RandomText_IsParsedLikeTheOracleOrNotAtAll()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var text = new string(random.GetItems<char>("0123456789HMSmun", random.Next(11)));
            if (random.Next(2) == 0)
            {
                text = $"{random.NextInt64(200_000_000)}{random.GetItems<char>("HMSmunh -", 1)[0]}";
            }

            Assert.Equal(Oracle(text), GrpcTimeout.TryParse(text, out var timeout) ? timeout.Ticks : null);
        }

        static long? Oracle(string text)
        {
            // gRPC over HTTP/2: TimeoutValue is at most 8 digits, TimeoutUnit one letter.
            if (!TimeoutGrammar().IsMatch(text))
            {
                return null;
            }

            var nanoseconds = text[^1] switch { 'H' => 3_600_000_000_000m, 'M' => 60_000_000_000m, 'S' => 1_000_000_000m, 'm' => 1_000_000m, 'u' => 1000m, _ => 1m };
            return (long)Math.Ceiling(decimal.Parse(text[..^1], CultureInfo.InvariantCulture) * nanoseconds / TimeSpan.NanosecondsPerTick);
        }
    }

    [Fact]
    public void Timeout_FormattedAndParsed_IsNeverShorterAndHardlyLonger()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var timeout = TimeSpan.FromTicks((long)Math.Exp(random.NextDouble() * Math.Log(TimeSpan.FromDays(400_000).Ticks)));

            Assert.True(GrpcTimeout.TryParse(GrpcTimeout.Format(timeout), out var parsed), GrpcTimeout.Format(timeout));
            Assert.InRange(parsed.Ticks, timeout.Ticks, timeout.Ticks + Math.Max(10, timeout.Ticks / 1000));
        }
    }

    [Fact]
    public void PercentEncoding_RandomText_IsEncodedLikeTheOracleAndRoundTrips()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var text = RandomText(random);
            var encoded = PercentEncoding.Encode(text);

            Assert.Equal(string.Concat(Encoding.UTF8.GetBytes(text).Select(b => b is >= 0x20 and <= 0x7E and not (byte)'%' ? $"{(char)b}" : $"%{b:X2}")), encoded);
            Assert.Equal(text, PercentEncoding.Decode(encoded));
        }
    }

    [Fact]
    public void PercentEncoding_RandomEscapes_AreDecodedLikeTheOracle()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var encoded = string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(4) switch
            {
                0 => "%",
                1 => $"%{random.Next(256):x2}",
                2 => new string(random.GetItems<char>("0123456789abcdefABCDEFgG", random.Next(3))),
                _ => RandomText(random),
            }));

            Assert.Equal(Oracle(Encoding.UTF8.GetBytes(encoded)), PercentEncoding.Decode(encoded));
        }

        static string Oracle(byte[] encoded)
        {
            var decoded = new List<byte>();
            for (var at = 0; at < encoded.Length; at++)
            {
                if (encoded[at] == '%' && at + 2 < encoded.Length && char.IsAsciiHexDigit((char)encoded[at + 1]) && char.IsAsciiHexDigit((char)encoded[at + 2]))
                {
                    decoded.Add(byte.Parse($"{(char)encoded[at + 1]}{(char)encoded[at + 2]}", NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                    at += 2;
                }
                else
                {
                    decoded.Add(encoded[at]);
                }
            }

            return Encoding.UTF8.GetString([.. decoded]);
        }
    }

    [Fact]
    public void BinaryMetadata_RandomBytes_RoundTripPaddedAndUnpadded()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < 2000; i++)
        {
            var bytes = random.NextBytes(random.Next(i < 1900 ? 40 : 4000));
            var unpadded = MetadataCodec.Write(new Metadata.Entry("x-bin", bytes));

            Assert.DoesNotContain('=', unpadded);
            Assert.True(MetadataCodec.TryDecodeBinary(unpadded, out var decoded));
            Assert.Equal(bytes, decoded);
            Assert.True(MetadataCodec.TryDecodeBinary(Convert.ToBase64String(bytes), out decoded));
            Assert.Equal(bytes, decoded);
        }
    }

    [Fact]
    public void BinaryMetadata_RandomText_DecodesLikeTheOracleOrNotAtAll()
    {
        const string Alphabet = "ABCDwxyz0189+/= \n-_é";
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var text = new string(random.GetItems<char>(Alphabet, random.Next(12)));

            Assert.Equal(Base64Oracle(text), MetadataCodec.TryDecodeBinary(text, out var decoded) ? decoded : null);
        }
    }

    [Fact]
    public void BinaryMetadata_RandomJoinedValues_AreReadLikeTheOracle()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var header = new string(random.GetItems<char>("AQgw=,, ", random.Next(24)));
            var metadata = new Metadata();

            MetadataCodec.Read("x-bin", header, metadata);

            Assert.Equal(header.Split(',').Select(v => Base64Oracle(v.Trim())).Where(b => b is not null), metadata.Select(e => e.ValueBytes));
        }
    }

    [Fact]
    public void StatusDetails_DamagedBytes_AreReadLikeTheOracleOrNotAtAll()
    {
        var random = SeededRandom.Create();
        for (var i = 0; i < Rounds; i++)
        {
            var bytes = RandomStatus(random).ToByteArray();
            for (var damage = random.Next(4); damage > 0 && bytes.Length > 0; damage--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            bytes = random.Next(3) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
            var exception = new RpcException(new global::Grpc.Core.Status(StatusCode.Unavailable, ""), new Metadata { { "grpc-status-details-bin", bytes } });
            var expected = Oracle(Google.Rpc.Status.Parser, bytes);

            Assert.Equal(expected, exception.GetRpcStatus());
            Assert.Equal(RetryOracle(expected), exception.GetRetryDelay());
        }

        static T? Oracle<T>(MessageParser<T> parser, byte[] bytes)
            where T : class, IMessage<T>
        {
            try
            {
                return parser.ParseFrom(bytes);
            }
            catch (InvalidProtocolBufferException)
            {
                return null;
            }
        }

        // The first RetryInfo that can be read; google.protobuf.Duration: ±315,576,000,000 s, nanoseconds of the same sign.
        static TimeSpan? RetryOracle(Google.Rpc.Status? status)
        {
            var retries = status?.Details.Where(d => d.TypeUrl.Split('/') is { Length: > 1 } parts && parts[^1] == "google.rpc.RetryInfo");
            var delay = retries?.Select(d => Oracle(RetryInfo.Parser, d.Value.ToByteArray())).FirstOrDefault(r => r is not null)?.RetryDelay;
            return delay is null || Math.Abs((decimal)delay.Seconds) > 315_576_000_000 || Math.Abs((long)delay.Nanos) > 999_999_999
                || Math.Sign(delay.Seconds) * Math.Sign(delay.Nanos) < 0
                ? null
                : TimeSpan.FromTicks((delay.Seconds * TimeSpan.TicksPerSecond) + (delay.Nanos / TimeSpan.NanosecondsPerTick));
        }
    }

    private static Google.Rpc.Status RandomStatus(Random random)
    {
        var status = new Google.Rpc.Status { Code = random.Next(20), Message = RandomText(random) };
        for (var details = random.Next(3); details > 0; details--)
        {
            status.Details.Add(random.Next(2) == 0
                ? Any.Pack(new RetryInfo { RetryDelay = new Duration { Seconds = random.Next(-10, 10), Nanos = random.Next(-1_100_000_000, 1_100_000_000) } })
                : Any.Pack(new BadRequest { FieldViolations = { new BadRequest.Types.FieldViolation { Field = "f", Description = RandomText(random) } } }));
        }

        return status;
    }

    private static string RandomText(Random random) => string.Concat(Enumerable.Range(0, random.Next(10)).Select(_ =>
        new Rune(random.Next(4) == 0 ? random.Next(0xE000, 0x110000) : random.Next(0x80)).ToString()));

    private static byte[]? Base64Oracle(string text)
    {
        var trimmed = text.TrimEnd('=');
        if (trimmed.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/')))
        {
            return null;
        }

        try
        {
            return Convert.FromBase64String(trimmed + new string('=', (4 - (trimmed.Length % 4)) % 4));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    [GeneratedRegex("^[0-9]{1,8}[HMSmun]\\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TimeoutGrammar();
}
