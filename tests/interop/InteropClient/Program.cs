// Runs gRPC's interoperability cases with our client against any server of grpc.testing.TestService; exits with 1 when one fails.
// Usage: InteropClient http://HOST:PORT [--server-sees-no-compression]
using Grpc.Core;
using SealService.Interop;

var peer = new InteropPeer(args[0], seesCompression: !args.Contains("--server-sees-no-compression"));
var failed = 0;
foreach (var (name, run) in InteropCases.All)
{
    try
    {
        await InteropCases.RunAsync(run, peer);
        Console.WriteLine($"ok      {name}");
    }
    catch (Exception e) when (e is RpcException or UnexpectedResultException or TimeoutException or InvalidOperationException)
    {
        failed++;
        Console.WriteLine($"FAILED  {name}: {e.GetType().Name}: {e.Message}");
    }
}

Console.WriteLine($"{InteropCases.All.Count - failed} passed, {failed} failed");
return failed == 0 ? 0 : 1;
