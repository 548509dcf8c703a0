using Google.Protobuf;
using SealService.LoadTests.Transport;

namespace SealService.LoadTests.Traffic;

/// <summary>Receipts and inclusion proofs of random entries, in turn.</summary>
internal sealed class ReadTraffic : CallTraffic
{
    private const string ReceiptPath = "/seal.v1.Sealing/GetReceipt";
    private const string ProofPath = "/seal.v1.Ledger/GetInclusionProof";
    private const string CheckpointPath = "/seal.v1.Ledger/GetCheckpoint";

    protected override CallLoop CreateLoop(TrafficContext context, GrpcConnection connection, int number) =>
        new Loop(connection, new Random(context.Seed + number));

    /// <summary>The number of entries of the default ledger.</summary>
    public static async Task<long> GetTreeSizeAsync(GrpcConnection connection, CancellationToken cancellationToken)
    {
        var answer = await connection.CallAsync(CheckpointPath, Frame(new Seal.V1.GetCheckpointRequest()), cancellationToken);
        return Seal.V1.GetCheckpointResponse.Parser.ParseFrom(answer.AsSpan(GrpcResponses.PrefixBytes)).Checkpoint.TreeSize;
    }

    /// <summary>One framed message.</summary>
    public static byte[] Frame(IMessage message)
    {
        var frame = new byte[GrpcResponses.PrefixBytes + message.CalculateSize()];
        FrameSource.WritePrefix(frame, frame.Length - GrpcResponses.PrefixBytes);
        message.WriteTo(frame.AsSpan(GrpcResponses.PrefixBytes));
        return frame;
    }

    private sealed class Loop(GrpcConnection connection, Random random) : CallLoop
    {
        private long _treeSize;
        private bool _isProofDue;

        public override async Task<(int Documents, long Bytes)> CallAsync()
        {
            _treeSize = _treeSize > 0 ? _treeSize : await GetTreeSizeAsync(connection, CancellationToken.None);
            if (_treeSize == 0)
            {
                throw new GrpcCallException("the ledger has no entries to read");
            }

#pragma warning disable CA5394 // any entries do
            var index = random.NextInt64(_treeSize);
#pragma warning restore CA5394
            _isProofDue = !_isProofDue;
            var (path, request) = _isProofDue
                ? (ProofPath, Frame(new Seal.V1.GetInclusionProofRequest { Index = index }))
                : (ReceiptPath, Frame(new Seal.V1.GetReceiptRequest { Index = index }));
            var answer = await connection.CallAsync(path, request, CancellationToken.None);
            return (1, answer.Length);
        }
    }
}
