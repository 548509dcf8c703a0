namespace Grpc.Core;

/// <summary>The call that credentials are asked for.</summary>
/// <param name="ServiceUrl">The service's address: scheme, authority and service name.</param>
/// <param name="MethodName">The method's name without its service.</param>
/// <param name="CancellationToken">Cancelled when the call is.</param>
public sealed record AuthInterceptorContext(string ServiceUrl, string MethodName, CancellationToken CancellationToken);

/// <summary>Adds what proves the caller (a bearer token, say) to a call's metadata.</summary>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);

/// <summary>Credentials of single calls. They are sent over TLS only, unless the channel was told otherwise.</summary>
public sealed class CallCredentials
{
    private readonly AsyncAuthInterceptor[] _interceptors;

    private CallCredentials(params AsyncAuthInterceptor[] interceptors) => _interceptors = interceptors;

    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor)
    {
        ArgumentNullException.ThrowIfNull(interceptor);
        return new CallCredentials(interceptor);
    }

    /// <summary>Applies all of them, in order.</summary>
    public static CallCredentials Compose(params CallCredentials[] credentials)
    {
        ArgumentNullException.ThrowIfNull(credentials);
        return new CallCredentials([.. credentials.SelectMany(one => one._interceptors)]);
    }

    internal async Task ApplyAsync(AuthInterceptorContext context, Metadata metadata)
    {
        foreach (var interceptor in _interceptors)
        {
            await interceptor(context, metadata);
        }
    }
}
