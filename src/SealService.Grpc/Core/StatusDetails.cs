using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Wire;

namespace Grpc.Core;

/// <summary>
/// Errors that programs can read: a <c>google.rpc.Status</c> in the trailer <c>grpc-status-details-bin</c>, beside the plain status.
/// </summary>
public static class StatusDetails
{
    /// <summary>INVALID_ARGUMENT with the path of the field at fault and what is wrong with it.</summary>
    public static RpcException InvalidArgument(string field, string description) => InvalidArgument((field, description));

    /// <summary>INVALID_ARGUMENT with every field at fault; at least one.</summary>
    public static RpcException InvalidArgument(params IReadOnlyList<(string Field, string Description)> violations)
    {
        ArgumentNullException.ThrowIfNull(violations);
        var details = new BadRequest();
        foreach (var (field, description) in violations)
        {
            details.FieldViolations.Add(new BadRequest.Types.FieldViolation { Field = field, Description = description });
        }

        var message = string.Join("; ", violations.Select(violation => $"{violation.Field}: {violation.Description}"));
        return Create(StatusCode.InvalidArgument, message, details);
    }

    /// <summary>RESOURCE_EXHAUSTED or UNAVAILABLE, say, with the time after which to try again.</summary>
    public static RpcException RetryLater(StatusCode statusCode, string message, TimeSpan retryDelay) =>
        Create(statusCode, message, new RetryInfo { RetryDelay = Duration.FromTimeSpan(retryDelay) });

    /// <summary>A status with any details.</summary>
    public static RpcException Create(StatusCode statusCode, string message, params IReadOnlyList<IMessage> details)
    {
        ArgumentNullException.ThrowIfNull(details);
        var status = new Google.Rpc.Status { Code = (int)statusCode, Message = message };
        status.Details.AddRange(details.Select(Any.Pack));
        return new RpcException(new Status(statusCode, message), new Metadata { { GrpcHeaders.StatusDetails, status.ToByteArray() } });
    }

    /// <summary>The details that came with a status, or null when there are none or they can't be read.</summary>
    public static Google.Rpc.Status? GetRpcStatus(this RpcException exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        if (exception.Trailers.GetValueBytes(GrpcHeaders.StatusDetails) is not { } bytes)
        {
            return null;
        }

        try
        {
            return Google.Rpc.Status.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>The first detail of a type, or null.</summary>
    public static T? GetDetail<T>(this Google.Rpc.Status status)
        where T : class, IMessage<T>, new()
    {
        ArgumentNullException.ThrowIfNull(status);
        foreach (var detail in status.Details)
        {
            try
            {
                if (detail.TryUnpack<T>(out var message))
                {
                    return message;
                }
            }
            catch (InvalidProtocolBufferException)
            {
                // A detail that can't be read is as good as none.
            }
        }

        return null;
    }

    /// <summary>The time after which the server wants to be tried again, or null.</summary>
    public static TimeSpan? GetRetryDelay(this RpcException exception)
    {
        try
        {
            return exception.GetRpcStatus()?.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan();
        }
        catch (InvalidOperationException)
        {
            // A duration outside of its range.
            return null;
        }
    }
}
