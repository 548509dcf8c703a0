using System.Globalization;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>The value of <c>grpc-status</c>.</summary>
internal static class StatusText
{
    private static readonly string[] Texts =
        [.. Enum.GetValues<StatusCode>().Order().Select(code => ((int)code).ToString(CultureInfo.InvariantCulture))];

    /// <summary>A number that is none of gRPC's is sent as UNKNOWN.</summary>
    public static string Of(StatusCode code) => (uint)code < (uint)Texts.Length ? Texts[(int)code] : Texts[(int)StatusCode.Unknown];

    /// <summary>What is not a number of gRPC's is UNKNOWN.</summary>
    public static StatusCode Parse(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < Texts.Length
            ? (StatusCode)number
            : StatusCode.Unknown;
}
