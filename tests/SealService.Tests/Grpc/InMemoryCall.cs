using System.IO.Pipelines;
using Grpc.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace SealService.Tests.Grpc;

/// <summary>
/// A call of the server over pipes in memory, without Kestrel: each side goes on inline when the other one has written or read, so that
/// all of it happens on the test's thread.
/// </summary>
internal sealed class InMemoryCall : IHttpResponseBodyFeature, IRequestBodyPipeFeature, IHttpResponseTrailersFeature
{
    private readonly Pipe _requests = CreatePipe(pauseWriterThreshold: 0);
    private readonly Pipe _responses;

    private InMemoryCall(long flushWaitsAt) => _responses = CreatePipe(flushWaitsAt);

    /// <summary>Ends with the call.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>Where the client writes frames.</summary>
    public PipeWriter Requests => _requests.Writer;

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    PipeReader IRequestBodyPipeFeature.Reader => _requests.Reader;

    PipeWriter IHttpResponseBodyFeature.Writer => _responses.Writer;

    Stream IHttpResponseBodyFeature.Stream => throw new NotSupportedException();

    /// <param name="server">It serves <see cref="EchoMethods.Duplex"/>.</param>
    /// <param name="flushWaitsAt">So many response bytes that the client has not read make a flush wait; zero for never.</param>
    public static InMemoryCall Start(GrpcServer server, long flushWaitsAt = 0)
    {
        var call = new InMemoryCall(flushWaitsAt);
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Protocol = "HTTP/2",
            Method = "POST",
            Path = EchoMethods.Duplex.FullName,
            Headers = new HeaderDictionary { ["content-type"] = "application/grpc" },
        });
        features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        features.Set<IHttpResponseBodyFeature>(call);
        features.Set<IRequestBodyPipeFeature>(call);
        features.Set<IHttpResponseTrailersFeature>(call);
        call.Ended = server.HandleAsync(new DefaultHttpContext(features));
        return call;
    }

    /// <summary>Takes all responses that are here; the number of their bytes.</summary>
    public long TakeResponses()
    {
        if (!_responses.Reader.TryRead(out var read))
        {
            return 0;
        }

        var bytes = read.Buffer.Length;
        _responses.Reader.AdvanceTo(read.Buffer.End);
        return bytes;
    }

    void IHttpResponseBodyFeature.DisableBuffering()
    {
    }

    Task IHttpResponseBodyFeature.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHttpResponseBodyFeature.SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken) => throw new NotSupportedException();

    Task IHttpResponseBodyFeature.CompleteAsync() => Task.CompletedTask;

    private static Pipe CreatePipe(long pauseWriterThreshold) => new(new PipeOptions(
        readerScheduler: PipeScheduler.Inline,
        writerScheduler: PipeScheduler.Inline,
        pauseWriterThreshold: pauseWriterThreshold,
        resumeWriterThreshold: pauseWriterThreshold > 0 ? 1 : 0,
        useSynchronizationContext: false));
}
