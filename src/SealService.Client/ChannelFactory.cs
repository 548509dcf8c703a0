using System.Security.Cryptography;
using Grpc.Net.Client;

namespace SealService.Client;

/// <summary>Makes the channel that the options describe.</summary>
internal static class ChannelFactory
{
    /// <exception cref="CryptographicException">The file of authorities can't be read as one.</exception>
    public static GrpcChannel Create(SealClientOptions options)
    {
        var channel = new GrpcChannelOptions { Connections = options.Connections, Time = options.TimeProvider };
        if (options.CaCertificateFile is { } file)
        {
            channel.TrustedRoots = [];
            channel.TrustedRoots.ImportFromPemFile(file);
            if (channel.TrustedRoots.Count == 0)
            {
                throw new CryptographicException($"'{file}' holds no certificate in PEM.");
            }
        }

        return GrpcChannel.ForAddress(options.Address, channel);
    }
}
