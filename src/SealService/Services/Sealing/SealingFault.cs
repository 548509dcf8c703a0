using System.Runtime.ExceptionServices;

namespace SealService.Services.Sealing;

/// <summary>Says why a sealing call ended, where that is known better than "cancelled".</summary>
internal static class SealingFault
{
    /// <summary>Awaits <paramref name="work"/>; a cancellation that the stream's own fault caused becomes that fault.</summary>
    public static async Task ThrowInsteadOfCancellationAsync(SealingStream stream, Task work)
    {
        try
        {
            await work;
        }
        catch (OperationCanceledException) when (stream.Fault is { } fault)
        {
            ExceptionDispatchInfo.Throw(fault);
        }
    }
}
