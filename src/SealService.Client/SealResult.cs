using System.Diagnostics.CodeAnalysis;
using Grpc.Core;
using SealService.Client.Bulk;
using SealService.Merkle;

namespace SealService.Client;

/// <summary>What became of one document: a verified seal, or the reason why there is none.</summary>
public sealed class SealResult
{
    private SealResult(DocumentToSeal document) => Document = document;

    public DocumentToSeal Document { get; }

    /// <summary>The receipt; null when the document was not sealed.</summary>
    public Receipt? Receipt { get; private init; }

    /// <summary>Why the document was not sealed; null when it was.</summary>
    public SealFailure? Failure { get; private init; }

    /// <summary>True when the document is sealed and its receipt was checked.</summary>
    [MemberNotNullWhen(true, nameof(Receipt))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool IsSealed => Receipt is not null;

    /// <summary>SHA-256 of what was sent. Of a failed document, default.</summary>
    public MerkleHash Digest { get; private init; }

    /// <summary>The size of what was sent. Of a failed document, 0.</summary>
    public long SizeBytes { get; private init; }

    /// <summary>The document was sealed before under the same idempotency key; this is that entry.</summary>
    public bool AlreadySealed { get; private init; }

    internal static SealResult Sealed(OutstandingDocument document, Receipt receipt, bool alreadySealed) => new(document.Document)
    {
        Receipt = receipt,
        Digest = document.Digest,
        SizeBytes = document.SizeBytes,
        AlreadySealed = alreadySealed,
    };

    internal static SealResult Failed(DocumentToSeal document, SealFailure failure) => new(document) { Failure = failure };
}

/// <summary>Why a document was not sealed.</summary>
/// <param name="Reason">Whose doing it is.</param>
/// <param name="Code">The server's status code; INVALID_ARGUMENT for a document that is not the expected one.</param>
/// <param name="Message">For people.</param>
public sealed record SealFailure(SealFailureReason Reason, StatusCode Code, string Message);

/// <summary>Whose doing it is that a document was not sealed.</summary>
public enum SealFailureReason
{
    /// <summary>The server answered that it does not seal it.</summary>
    Rejected,

    /// <summary>Its content could not be read here.</summary>
    Unreadable,

    /// <summary>Its content is not the one that the caller expected.</summary>
    Unexpected,
}

/// <summary>
/// The server's answer does not prove what it says: a proof, a signature or an entry is wrong. Nothing of the answer was
/// believed, and the server should not be either.
/// </summary>
public sealed class InvalidAnswerException(string message) : Exception(message);
