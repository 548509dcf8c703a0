using SealService.Configuration;

namespace SealService.Hosting;

/// <summary>Asks the server on this machine whether it is healthy: for container images, which have no curl.</summary>
internal static class HealthCheck
{
    public static async Task<int> AskAsync(ListenOptions listen, TextWriter error)
    {
        if (listen.Http.Length == 0)
        {
            await error.WriteLineAsync("Seal:Listen:Http is empty, so there is no /healthz to ask.");
            return ServerExitCode.CannotStart;
        }

#pragma warning disable MA0039 // the certificate is the server's own and may name any host: this asks loopback only whether it serves
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
#pragma warning restore MA0039
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(3) };
        var address = listen.Http.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "[::1]", StringComparison.Ordinal);
        try
        {
            using var response = await client.GetAsync(new Uri($"{(listen.CertificateFile.Length > 0 ? "https" : "http")}://{address}/healthz"));
            if (response.IsSuccessStatusCode)
            {
                return ServerExitCode.Success;
            }

            await error.WriteLineAsync($"Not healthy: {await response.Content.ReadAsStringAsync()}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            await error.WriteLineAsync($"Not healthy: {e.Message}");
        }

        return ServerExitCode.CannotStart;
    }
}
