using System.Diagnostics.CodeAnalysis;

namespace SealService.Client.Bulk;

/// <summary>
/// Documents of one lane that have to be sent again: those that a broken stream left unanswered, at once; those that the server could
/// not seal just now, after a pause. The reading loop puts in, the sending loop takes out; everything is guarded by its lock.
/// </summary>
internal sealed class ResendQueue(TimeProvider timeProvider, RetryDelays pauses)
{
    private readonly Lock _lock = new();
    private readonly Queue<OutstandingDocument> _documents = new();
    private DateTimeOffset _pausedUntil;

    public bool IsEmpty
    {
        get
        {
            lock (_lock)
            {
                return _documents.Count == 0;
            }
        }
    }

    /// <summary>How long nothing new should be sent; zero or less when there is no pause.</summary>
    public TimeSpan RemainingPause
    {
        get
        {
            lock (_lock)
            {
                return _pausedUntil - timeProvider.GetUtcNow();
            }
        }
    }

    public void Add(OutstandingDocument document)
    {
        lock (_lock)
        {
            _documents.Enqueue(document);
        }
    }

    /// <summary>Keeps a document and pauses the lane. Many such answers that come together are one pause.</summary>
    public void AddAndPause(OutstandingDocument document)
    {
        lock (_lock)
        {
            _documents.Enqueue(document);
            if (timeProvider.GetUtcNow() >= _pausedUntil)
            {
                _pausedUntil = timeProvider.GetUtcNow() + pauses.Next();
            }
        }
    }

    /// <summary>Makes the next pause a short one: the server seals again.</summary>
    public void ResetPauses()
    {
        lock (_lock)
        {
            pauses.Reset();
        }
    }

    public bool TryTake([NotNullWhen(true)] out OutstandingDocument? document)
    {
        lock (_lock)
        {
            return _documents.TryDequeue(out document);
        }
    }
}
