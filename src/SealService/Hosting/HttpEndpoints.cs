using Grpc.Server;
using SealService.Observability;

namespace SealService.Hosting;

/// <summary>
/// What is served beside gRPC, on the HTTP port: <c>/metrics</c> (Prometheus), <c>/healthz</c>, <c>/checkpoint</c> (C2SP tlog-tiles, of the
/// default ledger) and <c>/{ledger}/checkpoint</c>. gRPC is the terminal handler: a path table of a few strings needs no routing.
/// </summary>
internal static class HttpEndpoints
{
    public static void Map(WebApplication app, LedgerDirectory ledgers, MetricsRegistry metrics, ServerHealth health, ServerDrain drain, GrpcServer grpc) =>
        app.Run(http => HttpProtocol.IsHttp2(http.Request.Protocol) ? drain.RunCallAsync(grpc.HandleAsync, http) : ServeAsync(http, ledgers, metrics, health));

    private static Task ServeAsync(HttpContext http, LedgerDirectory ledgers, MetricsRegistry metrics, ServerHealth health)
    {
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method))
        {
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            http.Response.Headers.Allow = "GET, HEAD";
            return Task.CompletedTask;
        }

        var path = http.Request.Path.Value ?? "";
        switch (path)
        {
            case "/metrics":
                return AnswerAsync(http, PrometheusText.ContentType, PrometheusText.Format(metrics.Collect()));
            case "/healthz":
                http.Response.StatusCode = health.IsServing ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
                return AnswerAsync(http, "text/plain; charset=utf-8", health.IsServing ? "ok\n" : "not serving\n");
            case "/checkpoint":
                return AnswerCheckpointAsync(http, ledgers.Default);
        }

        var ledger = ledgers.All.FirstOrDefault(l => path == $"/{l.Name}/checkpoint");
        if (ledger is not null)
        {
            return AnswerCheckpointAsync(http, ledger);
        }

        http.Response.StatusCode = StatusCodes.Status404NotFound;
        return AnswerAsync(http, "text/plain; charset=utf-8", "Here are /metrics, /healthz and /checkpoint.\n");
    }

    private static async Task AnswerCheckpointAsync(HttpContext http, HostedLedger ledger)
    {
        var note = ledger.Ledger.Head.Note;
        if (note.IsEmpty)
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            await AnswerAsync(http, "text/plain; charset=utf-8", "The ledger has no entries yet.\n");
            return;
        }

        http.Response.ContentType = "text/plain; charset=utf-8";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.ContentLength = note.Length;
        await http.Response.Body.WriteAsync(note, http.RequestAborted);
    }

    private static Task AnswerAsync(HttpContext http, string contentType, string text)
    {
        http.Response.ContentType = contentType;
        return http.Response.WriteAsync(text, http.RequestAborted);
    }
}
