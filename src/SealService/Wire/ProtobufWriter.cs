using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace SealService.Wire;

/// <summary>
/// Writes protobuf fields straight into the transport's buffer, for the answers that carry receipts. Sizes of nested messages are computed
/// first by the caller, with <see cref="SizeOfVarint"/> and <see cref="SizeOfBytes"/>. End with <see cref="Flush"/>.
/// </summary>
internal ref struct ProtobufWriter(IBufferWriter<byte> output)
{
    private const int VarintBytesMax = 10;

    private readonly IBufferWriter<byte> _output = output;
    private Span<byte> _free = output.GetSpan(VarintBytesMax);
    private int _used = 0;

    /// <summary>Bytes of a varint: one for each 7 bits, at least one.</summary>
    public static int SizeOfVarint(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    /// <summary>Bytes of a field with number up to 15 that holds <paramref name="length"/> bytes; 0 when it is empty and so not written.</summary>
    public static int SizeOfBytes(int length) => length == 0 ? 0 : 1 + SizeOfVarint((ulong)length) + length;

    /// <summary>Bytes of a varint field with number up to 15; 0 when it is 0 and so not written.</summary>
    public static int SizeOfVarintField(ulong value) => value == 0 ? 0 : 1 + SizeOfVarint(value);

    /// <summary>Writes a varint field, unless it is 0.</summary>
    public void WriteVarintField(uint number, ulong value)
    {
        if (value != 0)
        {
            WriteVarint(ProtobufReader.Tag(number, ProtobufReader.Varint));
            WriteVarint(value);
        }
    }

    /// <summary>Writes a bytes field, unless it is empty.</summary>
    public void WriteBytesField(uint number, ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            WriteLength(number, value.Length);
            WriteRaw(value);
        }
    }

    /// <summary>Begins a bytes field or a nested message of so many bytes; also when there are none.</summary>
    public void WriteLength(uint number, int length)
    {
        WriteVarint(ProtobufReader.Tag(number, ProtobufReader.LengthDelimited));
        WriteVarint((ulong)length);
    }

    /// <summary>Writes a varint without a tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteVarint(ulong value)
    {
        if (_free.Length - _used < VarintBytesMax)
        {
            Grow(VarintBytesMax);
        }

        var span = _free;
        var used = _used;
        while (value >= 0x80)
        {
            span[used++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[used++] = (byte)value;
        _used = used;
    }

    /// <summary>Writes bytes without a tag.</summary>
    public void WriteRaw(ReadOnlySpan<byte> value)
    {
        while (value.Length > _free.Length - _used)
        {
            var fits = _free.Length - _used;
            value[..fits].CopyTo(_free[_used..]);
            _used += fits;
            value = value[fits..];
            Grow(1);
        }

        value.CopyTo(_free[_used..]);
        _used += value.Length;
    }

    /// <summary>Hands the last bytes to the output.</summary>
    public void Flush()
    {
        _output.Advance(_used);
        _used = 0;
        _free = default;
    }

    private void Grow(int bytes)
    {
        _output.Advance(_used);
        _used = 0;
        _free = _output.GetSpan(bytes);
    }
}
