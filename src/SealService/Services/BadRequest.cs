using Grpc.Core;

namespace SealService.Services;

/// <summary>INVALID_ARGUMENT that names the field and says what is wrong with it, for people and, in google.rpc.BadRequest, for programs.</summary>
internal static class BadRequest
{
    /// <param name="field">The field's path in the request, as the contract spells it.</param>
    /// <param name="description">What is wrong, to be read after the field's name; without a full stop.</param>
    public static RpcException Of(string field, string description) => StatusDetails.InvalidArgument(field, description);
}
