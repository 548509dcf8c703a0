using Grpc.Core;

namespace SealService.Interop;

/// <summary>A case had another result than it must.</summary>
public sealed class UnexpectedResultException(string message) : Exception(message);

internal static class Expect
{
    public static void True(bool holds, string what)
    {
        if (!holds)
        {
            throw new UnexpectedResultException(what);
        }
    }

    public static void Equal<T>(T expected, T actual, string what) =>
        True(EqualityComparer<T>.Default.Equals(expected, actual), $"{what}: '{actual}' and not '{expected}'");

    /// <summary>The call ends with this status; what it ended with.</summary>
    public static async Task<RpcException> StatusAsync(StatusCode code, Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (RpcException e)
        {
            Equal(code, e.StatusCode, $"status ({e.Status.Detail})");
            return e;
        }

        throw new UnexpectedResultException($"OK and not {code}");
    }
}
