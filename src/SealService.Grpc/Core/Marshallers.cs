using System.Buffers;
using Google.Protobuf;

namespace Grpc.Core;

/// <summary>Makes marshallers.</summary>
public static class Marshallers
{
    /// <summary>
    /// The raw door: a message is its bytes as they lie in the transport's buffers, valid until the next read of its stream.
    /// What is written is copied into the transport's buffers before the call returns.
    /// </summary>
    public static Marshaller<ReadOnlySequence<byte>> Raw { get; } = new(WriteRaw, static context => context.PayloadAsReadOnlySequence());

    /// <summary>UTF-8 text.</summary>
    public static Marshaller<string> StringMarshaller { get; } =
        new(System.Text.Encoding.UTF8.GetBytes, static (byte[] bytes) => System.Text.Encoding.UTF8.GetString(bytes));

    public static Marshaller<T> Create<T>(Func<T, byte[]> serializer, Func<byte[], T> deserializer) => new(serializer, deserializer);

    public static Marshaller<T> Create<T>(Action<T, SerializationContext> serializer, Func<DeserializationContext, T> deserializer) =>
        new(serializer, deserializer);

    /// <summary>The marshaller of a protobuf message: what generated services use, for methods that are bound by hand.</summary>
    public static Marshaller<T> Protobuf<T>(MessageParser<T> parser)
        where T : class, IMessage<T>, IBufferMessage
    {
        ArgumentNullException.ThrowIfNull(parser);
        return new(
            static (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
    }

    private static void WriteRaw(ReadOnlySequence<byte> message, SerializationContext context)
    {
        context.SetPayloadLength(checked((int)message.Length));
        var writer = context.GetBufferWriter();
        foreach (var segment in message)
        {
            writer.Write(segment.Span);
        }

        context.Complete();
    }
}
