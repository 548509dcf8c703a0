using Google.Protobuf;
using Grpc.Core;
using Grpc.Testing;

namespace SealService.Interop;

/// <summary>The requests that the descriptions ask for, and their sizes in bytes.</summary>
internal static class InteropMessages
{
    public const int LargeRequestBytes = 271828;
    public const int LargeResponseBytes = 314159;

    public static readonly int[] RequestSizes = [27182, 8, 1828, 45904];
    public static readonly int[] ResponseSizes = [31415, 9, 2653, 58979];

    /// <summary>Options of a call whose requests go compressed, unless a write says otherwise.</summary>
    public static CallOptions Compressed { get; } = new(new Metadata { { "grpc-internal-encoding-request", "gzip" } });

    public static Payload Zeros(int size) => new() { Body = ByteString.CopyFrom(new byte[size]) };

    public static SimpleRequest LargeRequest() => new() { ResponseSize = LargeResponseBytes, Payload = Zeros(LargeRequestBytes) };

    public static StreamingOutputCallRequest OutputRequest(params int[] sizes)
    {
        var request = new StreamingOutputCallRequest();
        request.ResponseParameters.AddRange(sizes.Select(size => new ResponseParameters { Size = size }));
        return request;
    }

    public static StreamingInputCallRequest InputRequest(int size, bool expectCompressed) =>
        new() { Payload = Zeros(size), ExpectCompressed = new BoolValue { Value = expectCompressed } };

    public static void ExpectZeros(int size, Payload payload) =>
        Expect.True(payload.Equals(Zeros(size)), $"a payload of {payload.Body.Length} bytes, and not {size} zeros");
}
