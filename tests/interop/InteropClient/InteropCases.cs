namespace SealService.Interop;

/// <summary>The cases of "gRPC Interop Test Descriptions" by their official names, then some of our own.</summary>
public static class InteropCases
{
    private static readonly TimeSpan CaseTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Every case; each has channels of its own.</summary>
    public static IReadOnlyDictionary<string, Func<InteropPeer, Task>> All { get; } = new OrderedDictionary<string, Func<InteropPeer, Task>>(StringComparer.Ordinal)
    {
        ["empty_unary"] = UnaryCases.EmptyUnary,
        ["large_unary"] = UnaryCases.LargeUnary,
        ["client_compressed_unary"] = UnaryCases.ClientCompressedUnary,
        ["server_compressed_unary"] = UnaryCases.ServerCompressedUnary,
        ["client_streaming"] = StreamingCases.ClientStreaming,
        ["client_compressed_streaming"] = StreamingCases.ClientCompressedStreaming,
        ["server_streaming"] = StreamingCases.ServerStreaming,
        ["server_compressed_streaming"] = StreamingCases.ServerCompressedStreaming,
        ["ping_pong"] = StreamingCases.PingPong,
        ["empty_stream"] = StreamingCases.EmptyStream,
        ["custom_metadata"] = StatusCases.CustomMetadata,
        ["status_code_and_message"] = peer => StatusCases.StatusCodeAndMessage(peer, "test status message"),
        ["special_status_message"] = peer =>
            StatusCases.StatusCodeAndMessage(peer, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"),
        ["unimplemented_method"] = StatusCases.UnimplementedMethod,
        ["unimplemented_service"] = StatusCases.UnimplementedService,
        ["cancel_after_begin"] = StreamingCases.CancelAfterBegin,
        ["cancel_after_first_response"] = StreamingCases.CancelAfterFirstResponse,
        ["timeout_on_sleeping_server"] = StreamingCases.TimeoutOnSleepingServer,
        ["rpc_soak"] = UnaryCases.RpcSoak,
        ["channel_soak"] = UnaryCases.ChannelSoak,
        ["blocking_unary"] = UnaryCases.BlockingUnary,
        ["half_duplex"] = StreamingCases.HalfDuplex,
        ["binary_metadata"] = StatusCases.BinaryMetadata,
        ["status_details"] = StatusCases.StatusDetails,
        ["status_while_uploading"] = StreamingCases.StatusWhileUploading,
        ["request_over_the_limit"] = UnaryCases.RequestOverTheLimit,
        ["response_over_the_limit"] = UnaryCases.ResponseOverTheLimit,
    };

    /// <summary>Runs one case.</summary>
    /// <exception cref="UnexpectedResultException">The case failed; an <see cref="Grpc.Core.RpcException"/> likewise.</exception>
    /// <exception cref="TimeoutException">It did not end.</exception>
    public static Task RunAsync(Func<InteropPeer, Task> run, InteropPeer peer)
    {
        ArgumentNullException.ThrowIfNull(run);
        return run(peer).WaitAsync(CaseTimeout);
    }
}
