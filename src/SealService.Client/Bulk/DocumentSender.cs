using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Seal.V1;
using SealService.Merkle;

namespace SealService.Client.Bulk;

/// <summary>
/// The sending half of one stream: small documents go whole in one message, bigger ones chunk by chunk in turn. Owned by the
/// stream's write loop. One buffer serves all documents, because a message is copied into the transport's buffers before
/// its write returns.
/// </summary>
internal sealed class DocumentSender : IDisposable
{
    /// <summary>Small messages are gathered up to this size before they are handed to the connection.</summary>
    private const int FlushBytes = 64 * 1024;

    private readonly ClientStreamWriter<SealDocumentsRequest> _requests;
    private readonly OutstandingDocuments _outstanding;
    private readonly BulkSealOptions _options;
    private readonly byte[] _buffer;
    private readonly List<ChunkedDocument> _chunked = [];

    public DocumentSender(ClientStreamWriter<SealDocumentsRequest> requests, OutstandingDocuments outstanding, BulkSealOptions options)
    {
        _requests = requests;
        _outstanding = outstanding;
        _options = options;
        // One byte more than a whole document may have shows that it is a bigger one.
        _buffer = GC.AllocateUninitializedArray<byte>(Math.Max(options.WholeDocumentBytesMax + 1, options.ChunkBytes));
    }

    /// <summary>True when one more document may begin, should it turn out to be a big one.</summary>
    public bool HasRoom => _chunked.Count < _options.InterleavedDocumentsMax;

    public bool IsIdle => _chunked.Count == 0;

    /// <summary>Sends a whole document, or the first chunk of a bigger one. A document that can't be read is a failure and nothing is sent.</summary>
    public async ValueTask<SealFailure?> BeginAsync(OutstandingDocument document, CancellationToken cancellationToken)
    {
        document.BeginSending();
        if (document.Document.TryGetBytes(out var bytes) && bytes.Length <= _options.WholeDocumentBytesMax)
        {
            return await SendWholeAsync(document, bytes, cancellationToken);
        }

        var (content, read, failure) = await OpenAsync(document, cancellationToken);
        if (content is null)
        {
            return failure;
        }

        if (read > _options.WholeDocumentBytesMax)
        {
            await BeginChunkedAsync(new ChunkedDocument(document, content), read, cancellationToken);
            return null;
        }

        await content.DisposeAsync();
        return await SendWholeAsync(document, _buffer.AsMemory(0, read), cancellationToken);
    }

    /// <summary>Sends the next chunk of each document in progress, or its end. Yields those that could not be read any further.</summary>
    public async ValueTask<IReadOnlyList<(OutstandingDocument Document, SealFailure Failure)>> SendChunksAsync(CancellationToken cancellationToken)
    {
        List<(OutstandingDocument, SealFailure)>? failed = null;
        for (var i = _chunked.Count - 1; i >= 0; i--)
        {
            var chunked = _chunked[i];
            if (chunked.Document.IsAnswered)
            {
                await AbandonAsync(i, cancellationToken);
                continue;
            }

            int read;
            try
            {
                read = await FillAsync(chunked.Content, _buffer.AsMemory(0, _options.ChunkBytes), cancellationToken);
            }
            catch (Exception e) when (IsReadFailure(e))
            {
                await AbandonAsync(i, cancellationToken);
                if (_outstanding.TryRemove(chunked.Reference) is not null)
                {
                    (failed ??= []).Add((chunked.Document, Unreadable(chunked.Document, e)));
                }

                continue;
            }

            if (read > 0)
            {
                await SendChunkAsync(chunked, _buffer.AsMemory(0, read), cancellationToken);
            }

            if (read < _options.ChunkBytes)
            {
                await EndAsync(i, cancellationToken);
            }
        }

        return failed ?? (IReadOnlyList<(OutstandingDocument, SealFailure)>)[];
    }

    /// <summary>Sends what was gathered: the loop is about to wait.</summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken) => _requests.FlushAsync(cancellationToken);

    /// <summary>Closes what is open of documents in progress; they are sent again from their start on another stream.</summary>
    public void Dispose()
    {
        foreach (var chunked in _chunked)
        {
            chunked.Dispose();
        }

        _chunked.Clear();
    }

    private ValueTask WriteAsync(SealDocumentsRequest request, CancellationToken cancellationToken)
    {
        _requests.Write(request);
        return _requests.UnflushedBytes >= FlushBytes ? _requests.FlushAsync(cancellationToken) : ValueTask.CompletedTask;
    }

    private async ValueTask<SealFailure?> SendWholeAsync(
        OutstandingDocument document, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var digest = Sha256.HashData(content.Span);
        if (document.ExpectedDigest is { } expected && expected != digest)
        {
            return new SealFailure(
                SealFailureReason.Unexpected, StatusCode.InvalidArgument, $"The document's SHA-256 is {digest}, not the expected {expected}.");
        }

        document.Digest = digest;
        document.SizeBytes = content.Length;
        document.WindowBytes = content.Length;
        document.IdempotencyKey ??= document.Document.DeriveIdempotencyKey?.Invoke(digest) ?? NewIdempotencyKey();
        var whole = new WholeDocument { Header = CreateHeader(document), Content = UnsafeByteOperations.UnsafeWrap(content) };
        var reference = _outstanding.Add(document);
        await WriteAsync(new SealDocumentsRequest { Ref = reference, Whole = whole }, cancellationToken);
        return null;
    }

    private async ValueTask BeginChunkedAsync(ChunkedDocument chunked, int read, CancellationToken cancellationToken)
    {
        _chunked.Add(chunked);
        var document = chunked.Document;
        document.WindowBytes = _options.ChunkBytes;
        document.IdempotencyKey ??= NewIdempotencyKey();
        chunked.Reference = _outstanding.Add(document);
        await WriteAsync(
            new SealDocumentsRequest { Ref = chunked.Reference, Begin = CreateHeader(document) }, cancellationToken);
        for (var sent = 0; sent < read; sent += _options.ChunkBytes)
        {
            await SendChunkAsync(chunked, _buffer.AsMemory(sent, Math.Min(_options.ChunkBytes, read - sent)), cancellationToken);
        }
    }

    private async ValueTask SendChunkAsync(ChunkedDocument chunked, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        chunked.Hash.Append(bytes.Span);
        chunked.Document.SizeBytes += bytes.Length;
        var request = new SealDocumentsRequest { Ref = chunked.Reference, Chunk = UnsafeByteOperations.UnsafeWrap(bytes) };
        await WriteAsync(request, cancellationToken);
    }

    private async ValueTask EndAsync(int index, CancellationToken cancellationToken)
    {
        var chunked = _chunked[index];
        _chunked.RemoveAt(index);
        chunked.Document.Digest = chunked.Hash.Finish();
        chunked.Dispose();
        await WriteAsync(new SealDocumentsRequest { Ref = chunked.Reference, End = new EndOfDocument() }, cancellationToken);
    }

    private async ValueTask AbandonAsync(int index, CancellationToken cancellationToken)
    {
        var chunked = _chunked[index];
        _chunked.RemoveAt(index);
        chunked.Dispose();
        await WriteAsync(new SealDocumentsRequest { Ref = chunked.Reference, Abandon = new AbandonDocument() }, cancellationToken);
    }

    /// <summary>
    /// Reads a document's beginning into the buffer: all of it, when it is small enough to go whole. When a bigger one's
    /// idempotency key depends on its digest, it is read to its end first.
    /// </summary>
    private async ValueTask<(Stream? Content, int Read, SealFailure? Failure)> OpenAsync(
        OutstandingDocument document, CancellationToken cancellationToken)
    {
        Stream? content = null;
        try
        {
            content = document.Document.OpenContent();
            var read = await FillAsync(content, _buffer.AsMemory(0, _options.WholeDocumentBytesMax + 1), cancellationToken);
            if (read > _options.WholeDocumentBytesMax
                && document.IdempotencyKey is null
                && document.Document.DeriveIdempotencyKey is { } derive)
            {
                var digest = await HashToEndAsync(content, read, cancellationToken);
                document.IdempotencyKey = derive(digest);
                document.ExpectedDigest ??= digest;
                await content.DisposeAsync();
                content = document.Document.OpenContent();
                read = await FillAsync(content, _buffer.AsMemory(0, _options.WholeDocumentBytesMax + 1), cancellationToken);
            }

            var opened = content;
            content = null;
            return (opened, read, null);
        }
        catch (Exception e) when (IsReadFailure(e))
        {
            return (null, 0, Unreadable(document, e));
        }
        finally
        {
            if (content is not null)
            {
                await content.DisposeAsync();
            }
        }
    }

    private static DocumentHeader CreateHeader(OutstandingDocument outstanding)
    {
        var document = outstanding.Document;
        return new DocumentHeader
        {
            IdempotencyKey = outstanding.IdempotencyKey,
            DocumentId = document.DocumentId,
            MetadataCommitment = UnsafeByteOperations.UnsafeWrap(document.MetadataCommitment),
            ExpectedSha256 = outstanding.ExpectedDigest is { } expected ? ByteString.CopyFrom(expected.AsSpan()) : ByteString.Empty,
        };
    }

    private static string NewIdempotencyKey() => RandomNumberGenerator.GetHexString(32, lowercase: true);

    /// <summary>The digest of the whole document; its first <paramref name="read"/> bytes are in the buffer already.</summary>
    private async ValueTask<MerkleHash> HashToEndAsync(Stream content, int read, CancellationToken cancellationToken)
    {
        using var hash = new Sha256Incremental();
        while (read > 0)
        {
            hash.Append(_buffer.AsSpan(0, read));
            read = await FillAsync(content, _buffer, cancellationToken);
        }

        return hash.Finish();
    }

    /// <summary>Reads until the buffer is full or the content ends.</summary>
    private static async ValueTask<int> FillAsync(Stream content, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // An asynchronous read of a file is the same blocking read after a trip through the thread pool.
        return content is FileStream file
            ? file.ReadAtLeast(buffer.Span, buffer.Length, throwOnEndOfStream: false)
            : await content.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
    }

    private static bool IsReadFailure(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException;

    private static SealFailure Unreadable(OutstandingDocument document, Exception e) =>
        new(SealFailureReason.Unreadable, StatusCode.Unknown, $"'{document.Document.Name}' can't be read: {e.Message}");
}
