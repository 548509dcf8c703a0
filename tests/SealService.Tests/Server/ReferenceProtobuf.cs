using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace SealService.Tests.Server;

/// <summary>A field as it lies in a message: a number (wire types 0, 1 and 5) or bytes (wire type 2).</summary>
internal sealed record WireField(uint Number, uint WireType, ulong Value, byte[] Bytes);

/// <summary>
/// Protobuf's encoding, read and written in the plainest way: the oracle of the server's in-place readers. Source: Protocol Buffers
/// encoding specification; varints that do not fit 64 bits (tags: 32 bits) and groups are refused, as the readers do.
/// </summary>
internal static class ReferenceProtobuf
{
    public static bool TryRead(byte[] message, [NotNullWhen(true)] out List<WireField>? fields)
    {
        fields = [];
        var at = 0;
        while (at < message.Length)
        {
            if (!TryReadVarint(message, ref at, out var tag) || tag > uint.MaxValue || tag >> 3 == 0)
            {
                return false;
            }

            ulong value = 0;
            byte[] bytes = [];
            switch (tag & 7)
            {
                case 0:
                    if (!TryReadVarint(message, ref at, out value))
                    {
                        return false;
                    }

                    break;
                case 1 or 5:
                    if (!TryTake(message, ref at, (tag & 7) == 1 ? 8UL : 4UL, out _))
                    {
                        return false;
                    }

                    break;
                case 2:
                    if (!TryReadVarint(message, ref at, out var length) || !TryTake(message, ref at, length, out bytes))
                    {
                        return false;
                    }

                    break;
                default:
                    return false;
            }

            fields.Add(new WireField((uint)(tag >> 3), (uint)(tag & 7), value, bytes));
        }

        return true;
    }

    /// <summary>A message of random fields with numbers up to 9, some of them messages themselves; then, often, damaged.</summary>
    public static byte[] RandomMessage(Random random, int depth = 2)
    {
        var message = new List<byte>();
        for (var fields = random.Next(5); fields > 0; fields--)
        {
            var wireType = random.Next(10) == 0 ? (uint)random.Next(8) : (uint)(random.Next(3) == 0 ? 0 : 2);
            AddVarint(message, ((ulong)random.Next(random.Next(20) == 0 ? 0 : 1, 10) << 3) | wireType, random);
            switch (wireType)
            {
                case 0:
                    AddVarint(message, (ulong)random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64), random);
                    break;
                case 1:
                    message.AddRange(random.NextBytes(8));
                    break;
                case 5:
                    message.AddRange(random.NextBytes(4));
                    break;
                case 2:
                    var bytes = depth > 0 && random.Next(2) == 0 ? RandomMessage(random, depth - 1) : random.NextBytes(random.Next(6));
                    AddVarint(message, (ulong)bytes.Length, random);
                    message.AddRange(bytes);
                    break;
            }
        }

        var damaged = message.ToArray();
        if (damaged.Length > 0 && random.Next(6) == 0)
        {
            damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
        }

        return random.Next(8) == 0 ? damaged[..random.Next(damaged.Length + 1)] : damaged;
    }

    /// <summary>The same bytes in segments of random sizes, empty ones among them.</summary>
    public static ReadOnlySequence<byte> InPieces(byte[] bytes, Random random)
    {
        var first = new Piece(bytes.AsMemory(0, 0), 0);
        var last = first;
        for (var at = 0; at < bytes.Length;)
        {
            var size = Math.Min(random.Next(8), bytes.Length - at);
            last = last.Append(bytes.AsMemory(at, size));
            at += size;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>The same bytes in segments that end at <paramref name="cuts"/>, which ascend; two equal ones make an empty segment.</summary>
    public static ReadOnlySequence<byte> InPieces(byte[] bytes, params ReadOnlySpan<int> cuts)
    {
        var first = new Piece(bytes.AsMemory(0, cuts[0]), 0);
        var last = first;
        for (var i = 0; i < cuts.Length; i++)
        {
            last = last.Append(bytes.AsMemory(cuts[i]..(i + 1 < cuts.Length ? cuts[i + 1] : bytes.Length)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static bool TryReadVarint(byte[] message, ref int at, out ulong value)
    {
        UInt128 sum = 0;
        for (var i = 0; i < 10 && at < message.Length; i++)
        {
            var next = message[at++];
            sum += (UInt128)(next & 0x7Fu) << (7 * i);
            if (next < 0x80)
            {
                value = unchecked((ulong)sum);
                return sum <= ulong.MaxValue;
            }
        }

        value = 0;
        return false;
    }

    private static bool TryTake(byte[] message, ref int at, ulong count, out byte[] bytes)
    {
        bytes = [];
        if (count > (ulong)(message.Length - at))
        {
            return false;
        }

        bytes = message[at..(at + (int)count)];
        at += (int)count;
        return true;
    }

    /// <summary>Mostly the shortest form; sometimes with needless bytes, up to more than there may be.</summary>
    private static void AddVarint(List<byte> message, ulong value, Random random)
    {
        for (; value >= 0x80; value >>= 7)
        {
            message.Add((byte)(value | 0x80));
        }

        var padding = random.Next(20) == 0 ? random.Next(12) : 0;
        message.Add((byte)(padding > 0 ? value | 0x80 : value));
        for (; padding > 0; padding--)
        {
            message.Add(padding == 1 ? (byte)0 : (byte)0x80);
        }
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, long runningIndex)
        {
            Memory = memory;
            RunningIndex = runningIndex;
        }

        public Piece Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Piece(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
