using System.Security.Authentication;
using Grpc.Core;

namespace SealService.Cli.Output;

/// <summary>An error as the user is told it.</summary>
internal sealed record ErrorReport(int ExitCode, string Code, string Message);

/// <summary>Sentences for what a call to the server can end with.</summary>
internal static class ServerErrors
{
    public static ErrorReport Explain(RpcException e)
    {
        var sentence = e.StatusCode switch
        {
            StatusCode.Unavailable => "The server can't be reached or can't seal now",
            StatusCode.DeadlineExceeded => "The server did not answer in time",
            StatusCode.NotFound => "The server does not know it",
            StatusCode.Unimplemented => "The server is not a SealService, or an older one",
            StatusCode.PermissionDenied or StatusCode.Unauthenticated => "The server does not allow it",
            _ => "The server refused",
        };
        var text = e.Status.Detail.Length == 0 ? sentence : $"{sentence}: {e.Status.Detail}";
        var hint = e.Status.DebugException is HttpRequestException http ? Hint(http) : "";
        return new(ExitCode.Failed, NameOf(e.StatusCode), $"{text.TrimEnd('.')}.{hint}");
    }

    // What the address and the server may disagree about.
    private static string Hint(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.SecureConnectionError when e.InnerException is AuthenticationException tls && tls.Message.Contains("certificate", StringComparison.Ordinal) =>
            " If an authority of your own issued the server's certificate, name it with --ca.",
        HttpRequestError.SecureConnectionError => " Does the server speak TLS at all (https), or clear text (http)?",
        HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded or HttpRequestError.HttpProtocolError => " Does the server speak clear text (http), or TLS (https)?",
        _ => "",
    };

    /// <summary>The code's name as gRPC writes it: DEADLINE_EXCEEDED.</summary>
    public static string NameOf(StatusCode code) =>
        string.Concat(code.ToString().Select(static (c, i) => i > 0 && char.IsUpper(c) ? $"_{c}" : char.ToUpperInvariant(c).ToString()));
}
