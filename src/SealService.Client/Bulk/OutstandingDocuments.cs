namespace SealService.Client.Bulk;

/// <summary>The window of one stream: documents by the ref under which they were sent. Everything is guarded by its lock.</summary>
internal sealed class OutstandingDocuments(int documentsMax, long bytesMax)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, OutstandingDocument> _byRef = [];
    private long _bytes;
    private ulong _nextRef;

    /// <summary>True when one more document may be sent.</summary>
    public bool HasRoom
    {
        get
        {
            lock (_lock)
            {
                return _byRef.Count < documentsMax && _bytes < bytesMax;
            }
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _byRef.Count == 0;
            }
        }
    }

    /// <summary>Takes a document in, before the first byte of it is sent. Refs are never used twice in a stream.</summary>
    public ulong Add(OutstandingDocument document)
    {
        lock (_lock)
        {
            var reference = _nextRef++;
            _byRef.Add(reference, document);
            _bytes += document.WindowBytes;
            document.IsOutstanding = true;
            return reference;
        }
    }

    /// <summary>Takes out the documents that are answered.</summary>
    /// <exception cref="InvalidAnswerException">A ref is not one of a document that waits for its answer.</exception>
    public OutstandingDocument[] Remove(IReadOnlyList<ulong> references)
    {
        var documents = new OutstandingDocument[references.Count];
        lock (_lock)
        {
            for (var i = 0; i < documents.Length; i++)
            {
                documents[i] = RemoveUnsynchronized(references[i]) ?? throw UnknownRef(references[i]);
            }
        }

        return documents;
    }

    /// <inheritdoc cref="Remove(IReadOnlyList{ulong})"/>
    public OutstandingDocument Remove(ulong reference) => TryRemove(reference) ?? throw UnknownRef(reference);

    /// <summary>Takes a document out; null when it was answered already.</summary>
    public OutstandingDocument? TryRemove(ulong reference)
    {
        lock (_lock)
        {
            return RemoveUnsynchronized(reference);
        }
    }

    /// <summary>Takes all out in the order in which they were sent: the stream broke.</summary>
    public IReadOnlyList<OutstandingDocument> RemoveAll()
    {
        lock (_lock)
        {
            var all = _byRef.OrderBy(static pair => pair.Key).Select(static pair => pair.Value).ToList();
            _byRef.Clear();
            _bytes = 0;
            return all;
        }
    }

    private OutstandingDocument? RemoveUnsynchronized(ulong reference)
    {
        if (!_byRef.Remove(reference, out var document))
        {
            return null;
        }

        _bytes -= document.WindowBytes;
        document.SetAnswered();
        return document;
    }

    private static InvalidAnswerException UnknownRef(ulong reference) =>
        new($"The server answered for document {reference} of the stream, which does not wait for an answer.");
}
