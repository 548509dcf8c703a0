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

    // VerifyReceiptsResponse { 1: ref  2: report { 1: verdict  2: checks (repeated) { 1: kind  2: outcome  3: detail } } }
    private void Write(SerializationContext context)
    {
        var checks = Report.Checks;
        var reportSize = ProtobufWriter.SizeOfVarintField(1);
        for (var i = 0; i < checks.Count; i++)
        {
            reportSize += ProtobufWriter.SizeOfBytes(SizeOf(checks[i]));
        }

        var size = ProtobufWriter.SizeOfVarintField(Reference) + ProtobufWriter.SizeOfBytes(reportSize);
        context.SetPayloadLength(size);
        var writer = new ProtobufWriter(context.GetBufferWriter());
        writer.WriteVarintField(1, Reference);
        writer.WriteLength(2, reportSize);
        writer.WriteVarintField(1, Report.IsValid ? 1u : 2u); // VERDICT_VALID, VERDICT_NOT_VALID
        for (var i = 0; i < checks.Count; i++)
        {
            writer.WriteLength(2, SizeOf(checks[i]));
            writer.WriteVarintField(1, (ulong)checks[i].Kind);
            writer.WriteVarintField(2, (ulong)checks[i].Outcome);
            writer.WriteBytesField(3, Encoding.UTF8.GetBytes(checks[i].Detail));
        }

        writer.Flush();
        context.Complete();
    }

    // Kinds and outcomes are below 128: one byte each.
    private static int SizeOf(VerificationCheck check) => 4 + ProtobufWriter.SizeOfBytes(Encoding.UTF8.GetByteCount(check.Detail));
}
