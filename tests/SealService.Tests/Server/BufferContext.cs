using System.Buffers;
using Grpc.Core;

namespace SealService.Tests.Server;

/// <summary>What a marshaller writes an answer into, as the transport gives it.</summary>
internal sealed class BufferContext(IBufferWriter<byte> output) : SerializationContext
{
    /// <summary>The size that the marshaller said before it wrote.</summary>
    public int Announced { get; private set; }

    public override void SetPayloadLength(int payloadLength) => Announced = payloadLength;

    public override IBufferWriter<byte> GetBufferWriter() => output;

    public override void Complete()
    {
    }
}
