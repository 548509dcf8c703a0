using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;

namespace Grpc.Server.Internal;

/// <summary>The other end of a connection, in gRPC's terms.</summary>
internal static class PeerIdentity
{
    private const string CommonName = "x509_common_name";

    public static string Format(IPAddress? address, int port) => address switch
    {
        null => "unknown",
        { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } => $"ipv6:[{address}]:{port}",
        _ => $"ipv4:{address.MapToIPv4()}:{port}",
    };

    /// <summary>What a client certificate, which the web server has validated, says of the peer.</summary>
    public static AuthContext Authenticate(X509Certificate2? certificate)
    {
        if (certificate is null)
        {
            return AuthContext.Anonymous;
        }

        var name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return new AuthContext(
            CommonName,
            new Dictionary<string, IReadOnlyList<AuthProperty>>(StringComparer.Ordinal)
            {
                [CommonName] = [AuthProperty.Create(CommonName, Encoding.UTF8.GetBytes(name))],
            });
    }
}
