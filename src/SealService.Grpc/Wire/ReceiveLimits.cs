namespace Grpc.Wire;

/// <summary>What bounds the messages of a <see cref="MessageReader"/>.</summary>
/// <param name="MessageBytesMax">The largest message, also after decompression.</param>
/// <param name="MessageBytesMaxName">The name that errors give that limit.</param>
/// <param name="Assembly">Where large messages take their room from, together with other readers; null for no such bound.</param>
internal sealed record ReceiveLimits(
    int MessageBytesMax,
    string MessageBytesMaxName = "MaxReceiveMessageBytes",
    AssemblyBudget? Assembly = null);
