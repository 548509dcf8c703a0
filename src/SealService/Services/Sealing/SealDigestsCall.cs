using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services.Sealing;

/// <summary>One call of <c>seal.v1.Sealing/SealDigests</c>: digests that the client computed, many a message.</summary>
internal sealed class SealDigestsCall(LedgerDirectory ledgers, LimitOptions limits, SealingLoop loop, ServerStreamWriter<SealingAnswer> responses, CancellationToken cancellationToken)
    : IDisposable
{
    private const ulong Sha256Algorithm = 1; // DIGEST_ALGORITHM_SHA256

    private readonly DocumentFields _fields = new();

    /// <summary>Runs the call to its end.</summary>
    public Task RunAsync() => loop.RunAsync(HandleAsync, finish: static () => default);

    public void Dispose() => loop.Stream?.Dispose();

    private ValueTask HandleAsync(in ReadOnlySequence<byte> bytes)
    {
        if (!SealDigestsMessage.TryRead(bytes, limits.DigestsPerMessageMax, out var message))
        {
            throw BadRequest.Of("SealDigestsRequest", $"is not valid protobuf, or has a column of more than {limits.DigestsPerMessageMax} elements (Seal:Limits:DigestsPerMessageMax)");
        }

        if (message.HasOptions && loop.Stream is not null)
        {
            throw BadRequest.Of("options", "must be in the stream's first message only");
        }

        Check(message);
        var settings = message.HasOptions ? StreamOptionsReader.Read(message.Options) : default;
        loop.Stream ??= new SealingStream(ledgers.Get(settings.Ledger), settings.FullReceipts, responses, limits, cancellationToken);
        var columns = new Columns(message.SizesBytes, message.IdempotencyKeys, message.DocumentIds);
        var rest = message.Digests;
        var position = 0;
        var sealing = SealRun(ref position, ref rest, message.FirstReference, columns);
        return rest.IsEmpty ? sealing : ContinueAsync(sealing, position, rest, message.FirstReference, columns);
    }

    private void Check(in SealDigestsMessage message)
    {
        if (message.Digests.IsEmpty)
        {
            return;
        }

        if (message.Digests.Length % MerkleHash.Size != 0)
        {
            throw BadRequest.Of("digests", $"has {message.Digests.Length} bytes, which is not a multiple of 32");
        }

        if (message.Count > limits.DigestsPerMessageMax)
        {
            throw BadRequest.Of("digests", $"has {message.Count} digests; a message may have {limits.DigestsPerMessageMax} (Seal:Limits:DigestsPerMessageMax)");
        }

        if (message.Algorithm != Sha256Algorithm)
        {
            throw BadRequest.Of("algorithm", $"is {message.Algorithm}; it must be DIGEST_ALGORITHM_SHA256 (1)");
        }

        foreach (var (name, count) in new[]
        {
            ("document_sizes_bytes", message.SizesBytes?.Count), ("idempotency_keys", message.IdempotencyKeys?.Count), ("document_ids", message.DocumentIds?.Count),
        })
        {
            if (count is { } given && given != message.Count)
            {
                throw BadRequest.Of(name, $"has {given} elements for {message.Count} digests; give none or one for each");
            }
        }

    }

    // Seals digests for as long as none of them waits for the ledger or the client; then gives back what it waits for, and what is left.
    private ValueTask SealRun(ref int position, ref ReadOnlySequence<byte> rest, ulong firstReference, in Columns columns)
    {
        var reader = new SequenceReader<byte>(rest);
        Span<byte> digest = stackalloc byte[MerkleHash.Size];
        while (reader.TryCopyTo(digest))
        {
            reader.Advance(MerkleHash.Size);
            var sealing = SealOne(position, firstReference + (ulong)position, MerkleHash.Read(digest), columns);
            position++;
            if (!sealing.IsCompletedSuccessfully)
            {
                rest = rest.Slice(reader.Position);
                return sealing;
            }
        }

        rest = default;
        return default;
    }

    private async ValueTask ContinueAsync(ValueTask sealing, int position, ReadOnlySequence<byte> rest, ulong firstReference, Columns columns)
    {
        await sealing;
        while (!rest.IsEmpty)
        {
            await SealRun(ref position, ref rest, firstReference, columns);
        }
    }

    private ValueTask SealOne(int position, ulong reference, in MerkleHash digest, in Columns columns)
    {
        _fields.Reset();
        if (!_fields.TrySet(columns.IdempotencyKeys?[position], columns.DocumentIds?[position], out var error))
        {
            return loop.Stream!.FailAsync(reference, StatusCode.InvalidArgument, error.Message);
        }

        var size = columns.SizesBytes?[position] ?? 0;
        return size < 0
            ? loop.Stream!.FailAsync(reference, StatusCode.InvalidArgument, $"document_sizes_bytes is {size}, which is negative.")
            : loop.Stream!.SealAsync(reference, EntryKind.Digest, digest, size, _fields);
    }

    private readonly record struct Columns(List<long>? SizesBytes, List<byte[]>? IdempotencyKeys, List<byte[]>? DocumentIds);
}
