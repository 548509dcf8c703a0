using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Internal;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;
using static SealService.Tests.Grpc.EchoMethods;

namespace SealService.Tests.Grpc;

/// <summary>The client: retries, credentials, TLS, and what it makes of servers that are not gRPC's.</summary>
public sealed class ChannelTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static GrpcRetryOptions ShortPauses => new() { FirstPause = TimeSpan.FromMilliseconds(1), LongestPause = TimeSpan.FromMilliseconds(2) };

    [Fact]
    public async Task Retry_SafeCall_IsRepeatedUntilItSucceeds()
    {
        var attempts = new List<string?>();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, context) =>
        {
            attempts.Add(context.RequestHeaders.GetValue("grpc-previous-rpc-attempts"));
            return attempts.Count < 3 ? throw new RpcException(new Status(StatusCode.Unavailable, "later")) : Task.FromResult(request);
        })));
        using var channel = host.CreateChannel(new GrpcChannelOptions { Retry = ShortPauses });

        var response = await channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions().WithSafeToRetry());

        Assert.Equal("x", Text(response));
        Assert.Equal([null, "1", "2"], attempts);
    }

    [Theory]
    [InlineData(true, StatusCode.Unavailable, null, 4)]
    [InlineData(false, StatusCode.Unavailable, null, 1)]
    [InlineData(true, StatusCode.Internal, null, 1)]
    [InlineData(true, StatusCode.Unavailable, "-1", 1)]
    [InlineData(true, StatusCode.Unavailable, "1", 4)]
    public async Task Retry_Failing_TriesAsOftenAsAllowed(bool isSafe, StatusCode code, string? pushback, int attempts)
    {
        var seen = 0;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((_, context) =>
        {
            seen++;
            if (pushback is not null)
            {
                context.ResponseTrailers.Add("grpc-retry-pushback-ms", pushback);
            }

            throw new RpcException(new Status(code, "no"));
        })));
        using var channel = host.CreateChannel(new GrpcChannelOptions { Retry = ShortPauses });
        using var call = channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions().WithSafeToRetry(isSafe));

        Assert.Equal(code, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync)).StatusCode);
        Assert.Equal(attempts, seen);
        Assert.Equal(code, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Retry_DisposedInThePause_IsCancelled()
    {
        var tried = new TaskCompletionSource();
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((_, _) =>
        {
            tried.TrySetResult();
            throw new RpcException(new Status(StatusCode.Unavailable, "later"));
        })));
        // The pause can't end by itself: time does not pass.
        using var channel = host.CreateChannel(new GrpcChannelOptions { Time = new ManualTimeProvider() });
        var call = channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions().WithSafeToRetry());
        await tried.Task;

        call.Dispose();

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Contains(failure.StatusCode, (StatusCode[])[StatusCode.Cancelled, StatusCode.Unavailable]);
    }

    [Theory]
    [InlineData(false, false, StatusCode.Unauthenticated)]
    [InlineData(true, false, StatusCode.OK)]
    [InlineData(true, true, StatusCode.OK)]
    public async Task Credentials_GoOverTlsOrWhereAllowed(bool allowed, bool ofTheChannel, StatusCode expected)
    {
        string? seen = null;
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((request, context) =>
        {
            seen = context.RequestHeaders.GetValue("authorization");
            return Task.FromResult(request);
        })));
        var credentials = CallCredentials.FromInterceptor((context, metadata) =>
        {
            metadata.Add("authorization", $"Bearer {context.MethodName}");
            return Task.CompletedTask;
        });
        using var channel = host.CreateChannel(new GrpcChannelOptions
        {
            AllowCredentialsWithoutTls = allowed,
            Credentials = ofTheChannel ? credentials : null,
        });
        using var call = channel.CreateCallInvoker().CallUnary(Bytes("x"), new CallOptions(credentials: ofTheChannel ? null : credentials));

        await Record.ExceptionAsync(() => call.ResponseAsync);

        Assert.Equal(expected, call.GetStatus().StatusCode);
        Assert.Equal(expected == StatusCode.OK ? "Bearer Unary" : null, seen);
    }

    [Theory]
    [InlineData(true, StatusCode.OK)]
    [InlineData(false, StatusCode.Unavailable)]
    public async Task Tls_PrivateAuthority_IsTrustedOnlyWhenGiven(bool trusted, StatusCode expected)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var host = await GrpcTestHost.StartAsync(
            server => server.AddService(BindUnary((message, _) => Task.FromResult(message))),
            certificate: certificate);
        using var channel = host.CreateChannel(new GrpcChannelOptions { TrustedRoots = trusted ? [certificate] : [] });
        using var call = channel.CreateCallInvoker().CallUnary(Bytes("x"));

        await Record.ExceptionAsync(() => call.ResponseAsync);

        Assert.Equal(expected, call.GetStatus().StatusCode);
    }

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(431, StatusCode.Internal)]
    [InlineData(500, StatusCode.Unknown)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(200, StatusCode.Unknown)]
    public async Task Response_WithoutGrpcStatus_IsMappedFromHttp(int http, StatusCode expected)
    {
        var web = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        web.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        await using var app = web.Build();
        app.Run(context =>
        {
            context.Response.StatusCode = http;
            return Task.CompletedTask;
        });
        await app.StartAsync(Cancellation);
        using var channel = GrpcChannel.ForAddress(app.Urls.Single());

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(expected, failure.StatusCode);
    }

    [Theory]
    [InlineData(0x0, StatusCode.Unavailable)]
    [InlineData(0x1, StatusCode.Internal)]
    [InlineData(0x2, StatusCode.Internal)]
    [InlineData(0x7, StatusCode.Unavailable)]
    [InlineData(0x8, StatusCode.Cancelled)]
    [InlineData(0xB, StatusCode.ResourceExhausted)]
    [InlineData(0xC, StatusCode.PermissionDenied)]
    public void Reset_IsMappedFromItsCode(long code, StatusCode expected) =>
        Assert.Equal(expected, StatusMapping.OfException(new HttpRequestException("", new HttpProtocolException(code, "reset", null))).StatusCode);

    [Fact]
    public async Task Response_OverTheClientsLimit_ResourceExhausted()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddService(BindUnary((_, _) => Task.FromResult(Bytes(1001)))));
        using var channel = host.CreateChannel(new GrpcChannelOptions { MaxReceiveMessageBytes = 1000 });

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await channel.CreateCallInvoker().CallUnary(Bytes("x")));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
    }

    [Fact]
    public async Task Request_OverTheClientsLimit_ResourceExhaustedAndTheStreamGoesOn()
    {
        await using var host = await GrpcTestHost.StartAsync(server =>
        {
            server.AddService(BindUnary((request, _) => Task.FromResult(request)));
            server.AddDuplex(RawDoorTests.EchoAsync);
        });
        using var channel = host.CreateChannel(new GrpcChannelOptions { MaxSendMessageBytes = 1000 });
        var invoker = channel.CreateCallInvoker();

        var unary = await Assert.ThrowsAsync<RpcException>(async () => await invoker.CallUnary(Bytes(1001)));
        Assert.Equal(StatusCode.ResourceExhausted, unary.StatusCode);

        using var call = invoker.CallDuplex();
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.RequestStream.WriteAsync(Bytes(1001), Cancellation));
        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        await call.RequestStream.WriteAsync(Bytes("still fine"), Cancellation);
        Assert.True(await call.ResponseStream.MoveNext(Cancellation));
        Assert.Equal("still fine", Text(call.ResponseStream.Current));
    }

    [Fact]
    public async Task Write_AfterComplete_Throws()
    {
        await using var host = await GrpcTestHost.StartAsync(server => server.AddDuplex(RawDoorTests.EchoAsync));
        using var call = host.Channel.CreateCallInvoker().CallDuplex();
        await call.RequestStream.CompleteAsync();

        Assert.Throws<InvalidOperationException>(() => call.RequestStream.Write(Bytes("x")));
    }

    [Theory]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("unix:/tmp/socket")]
    public void ForAddress_OtherScheme_Throws(string address) => Assert.Throws<ArgumentException>(() => GrpcChannel.ForAddress(address));

    [Fact]
    public void ForAddress_LimitOfZero_Throws() =>
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress("http://127.0.0.1", new GrpcChannelOptions { Connections = 0 }));
}
