using Grpc.Core;

namespace Grpc.Net.Client.Internal;

/// <summary>A running call without its message types: what the public call objects stand on.</summary>
internal abstract class ClientCall : IDisposable
{
    public abstract Task<Metadata> ResponseHeadersAsync { get; }

    public abstract Status GetStatus();

    public abstract Metadata GetTrailers();

    public abstract void Dispose();
}
