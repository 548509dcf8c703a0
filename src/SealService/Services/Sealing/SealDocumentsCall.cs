using System.Buffers;
using Grpc.Core;
using Grpc.Server;
using SealService.Configuration;
using SealService.Hosting;
using SealService.Merkle;
using SealService.Wire;

namespace SealService.Services.Sealing;

/// <summary>
/// One call of <c>seal.v1.Sealing/SealDocuments</c>: reads messages in the transport's buffers, hashes what they carry, and hands each
/// document to its <see cref="SealingStream"/>, in the order in which they came. One loop.
/// </summary>
internal sealed class SealDocumentsCall(LedgerDirectory ledgers, LimitOptions limits, SealingLoop loop, ServerStreamWriter<SealingAnswer> responses, CancellationToken cancellationToken)
    : IDisposable
{
    private readonly Dictionary<ulong, OpenDocument> _open = [];
    private readonly Stack<OpenDocument> _closed = []; // to be used again
    private readonly DocumentGroup _group = new();

    /// <summary>Runs the call to its end.</summary>
    public async Task RunAsync()
    {
        await loop.RunAsync(HandleAsync, SealGroupAsync);
        if (_open.Count > 0)
        {
            throw BadRequest.Of("end", $"is missing for {_open.Count} documents that were begun; they were not sealed");
        }
    }

    public void Dispose()
    {
        loop.Stream?.Dispose();
        _group.Dispose();
        foreach (var document in _open.Values.Concat(_closed))
        {
            document.Dispose();
        }
    }

    private ValueTask HandleAsync(in ReadOnlySequence<byte> bytes)
    {
        if (!SealDocumentsMessage.TryRead(bytes, out var message))
        {
            throw BadRequest.Of("part", "is missing, given twice, or the message is not valid protobuf");
        }

        if (message.Part != DocumentsPart.Whole && !_group.IsEmpty)
        {
            return SealGroupThenAsync(bytes); // first come, first sealed
        }

        if (message.Part == DocumentsPart.Options)
        {
            OpenStream(StreamOptionsReader.Read(message.Header));
            return default;
        }

        var stream = loop.Stream ??= CreateStream(default);
        return message.Part switch
        {
            DocumentsPart.Whole => SealWhole(stream, message),
            DocumentsPart.Begin => Begin(stream, message),
            DocumentsPart.Chunk => Append(stream, message),
            DocumentsPart.End => End(stream, message.Reference),
            _ => Abandon(message.Reference),
        };
    }

    private void OpenStream(StreamSettings settings)
    {
        if (loop.Stream is not null)
        {
            throw BadRequest.Of("options", "must be the stream's first message, or never be sent");
        }

        loop.Stream = CreateStream(settings);
    }

    private SealingStream CreateStream(StreamSettings settings) =>
        new(ledgers.Get(settings.Ledger), settings.FullReceipts, responses, limits, cancellationToken);

    private ValueTask SealWhole(SealingStream stream, in SealDocumentsMessage message)
    {
        var fields = _group.NextFields;
        if (!fields.TryRead(message.Header, out var error))
        {
            return stream.FailAsync(message.Reference, StatusCode.InvalidArgument, error.Message);
        }

        if (message.Content.Length > limits.DocumentBytesMax)
        {
            return stream.FailAsync(message.Reference, StatusCode.ResourceExhausted, DocumentTooLarge);
        }

        if (_open.ContainsKey(message.Reference))
        {
            return stream.FailAsync(message.Reference, StatusCode.InvalidArgument, "ref is that of a document that was begun and has not ended.");
        }

        _group.Add(message.Reference, message.Content);
        return _group.IsFull ? SealGroupAsync() : default;
    }

    private ValueTask SealGroupAsync() => _group.IsEmpty ? default : _group.SealAsync(loop.Stream!);

    private async ValueTask SealGroupThenAsync(ReadOnlySequence<byte> bytes)
    {
        await SealGroupAsync();
        await HandleAsync(bytes);
    }

    private ValueTask Begin(SealingStream stream, in SealDocumentsMessage message)
    {
        if (_open.ContainsKey(message.Reference))
        {
            throw BadRequest.Of("ref", $"{message.Reference} is that of a document that was begun and has not ended");
        }

        if (_open.Count >= limits.OpenDocumentsPerStreamMax)
        {
            throw new RpcException(new Status(StatusCode.ResourceExhausted,
                $"begin: {limits.OpenDocumentsPerStreamMax} documents of this stream are begun and not ended, which is the limit (Seal:Limits:OpenDocumentsPerStreamMax)."));
        }

        var document = _closed.TryPop(out var reused) ? reused : new OpenDocument();
        document.Reset();
        _open.Add(message.Reference, document);
        if (document.Fields.TryRead(message.Header, out var error))
        {
            return default;
        }

        document.Failed = true; // its chunks are on their way
        return stream.FailAsync(message.Reference, StatusCode.InvalidArgument, error.Message);
    }

    private ValueTask Append(SealingStream stream, in SealDocumentsMessage message)
    {
        var document = Find(message.Reference, "chunk");
        if (document.Failed)
        {
            return default;
        }

        document.SizeBytes += message.Content.Length;
        if (document.SizeBytes > limits.DocumentBytesMax)
        {
            document.Failed = true;
            return stream.FailAsync(message.Reference, StatusCode.ResourceExhausted, DocumentTooLarge);
        }

        stream.Pause();
        document.Hash.Append(message.Content);
        return default;
    }

    private ValueTask End(SealingStream stream, ulong reference)
    {
        var document = Find(reference, "end");
        _open.Remove(reference);
        if (document.Failed)
        {
            _closed.Push(document);
            return default;
        }

        var sealing = stream.SealAsync(reference, EntryKind.Document, document.Hash.Finish(), document.SizeBytes, document.Fields);
        if (sealing.IsCompletedSuccessfully)
        {
            _closed.Push(document);
            return default;
        }

        return Await(sealing, document);

        async ValueTask Await(ValueTask pending, OpenDocument of)
        {
            await pending;
            _closed.Push(of);
        }
    }

    private ValueTask Abandon(ulong reference)
    {
        var document = Find(reference, "abandon");
        _open.Remove(reference);
        _closed.Push(document);
        return default;
    }

    private OpenDocument Find(ulong reference, string part) =>
        _open.TryGetValue(reference, out var document) ? document : throw BadRequest.Of("ref", $"{reference} of a message with {part} is not that of a document that was begun");

    private string DocumentTooLarge => $"The document is larger than {limits.DocumentBytesMax} bytes (Seal:Limits:DocumentBytesMax).";
}
