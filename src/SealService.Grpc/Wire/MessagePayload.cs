using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Lends the bytes of one message after another to a deserializer. Not thread-safe.</summary>
internal sealed class MessagePayload<T>(Marshaller<T> marshaller) : DeserializationContext
{
    private ReadOnlySequence<byte> _payload;

    public override int PayloadLength => (int)_payload.Length;

    public override byte[] PayloadAsNewBuffer() => _payload.ToArray();

    public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => _payload;

    /// <exception cref="RpcException">INTERNAL: the bytes are not a message of the type.</exception>
    public T Deserialize(in ReadOnlySequence<byte> payload)
    {
        _payload = payload;
        try
        {
            return marshaller.ContextualDeserializer(this);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"The message is not a valid {typeof(T).Name}.", e));
        }
    }
}
