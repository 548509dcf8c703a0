namespace SealService.Hosting;

/// <summary>Tells long calls that the server is stopping: they take nothing new, finish what they accepted, and end.</summary>
/// <param name="Token">Cancelled when the server has said NOT_SERVING.</param>
internal sealed record ServerStopping(CancellationToken Token);
