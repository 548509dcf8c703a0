using System.Buffers;
using System.Collections.Frozen;
using System.Text;
using Grpc.Core;
using SealService.Merkle;

namespace SealService.Wire;

/// <summary>One <c>seal.v1.VerifyReceiptsResponse</c>, written without generated types.</summary>
internal readonly record struct VerificationAnswer(ulong Reference, VerificationReport Report)
{
    /// <summary>Writes answers into the transport's buffer. There is nothing to read: a server sends them only.</summary>
    public static readonly Marshaller<VerificationAnswer> Marshaller = new(
        static (answer, context) => answer.Write(context),
        static _ => throw new NotSupportedException("A server does not read answers."));

    // Nearly all reports of a bulk stream; they are the same objects.
    private static readonly FrozenDictionary<VerificationReport, byte[]> Encoded =
        VerificationReport.OfValidReceipts.ToFrozenDictionary(report => report, Encode);

    // VerifyReceiptsResponse { 1: ref  2: report { 1: verdict  2: checks (repeated) { 1: kind  2: outcome  3: detail } } }
    private void Write(SerializationContext context)
    {
        var report = Encoded.TryGetValue(Report, out var known) ? known : Encode(Report);
        context.SetPayloadLength(ProtobufWriter.SizeOfVarintField(Reference) + ProtobufWriter.SizeOfBytes(report.Length));
        var writer = new ProtobufWriter(context.GetBufferWriter());
        writer.WriteVarintField(1, Reference);
        writer.WriteBytesField(2, report);
        writer.Flush();
        context.Complete();
    }

    private static byte[] Encode(VerificationReport report)
    {
        var message = new ArrayBufferWriter<byte>();
        var writer = new ProtobufWriter(message);
        writer.WriteVarintField(1, report.IsValid ? 1u : 2u); // VERDICT_VALID, VERDICT_NOT_VALID
        foreach (var check in report.Checks)
        {
            var detail = Encoding.UTF8.GetBytes(check.Detail);
            writer.WriteLength(2, 4 + ProtobufWriter.SizeOfBytes(detail.Length)); // kinds and outcomes are below 128: one byte each
            writer.WriteVarintField(1, (ulong)check.Kind);
            writer.WriteVarintField(2, (ulong)check.Outcome);
            writer.WriteBytesField(3, detail);
        }

        writer.Flush();
        return message.WrittenSpan.ToArray();
    }
}
