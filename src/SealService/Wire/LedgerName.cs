using System.Buffers;
using System.Text;
using SealService.Services;

namespace SealService.Wire;

/// <summary>The name of a ledger in a request.</summary>
internal static class LedgerName
{
    /// <summary>Reads the value of a field with a name. It is known, so whatever is wrong with it is refused here and never skipped.</summary>
    /// <param name="reader">Behind the field's tag.</param>
    /// <param name="message">The message that the field is of, as the contract spells it.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT: it is cut off, or too long.</exception>
    public static string Read(ref ProtobufReader reader, string message) =>
        !reader.TryReadBytes(out ReadOnlySequence<byte> name) ? throw BadRequest.Of(message, "is not valid protobuf")
        : name.Length > DocumentFields.IdBytesMax ? throw BadRequest.Of($"{message}.ledger", $"is longer than {DocumentFields.IdBytesMax} bytes")
        : Encoding.UTF8.GetString(name);
}
