using System.Text;

namespace Grpc.Core;

/// <summary>What the transport proved about the peer, as named properties.</summary>
public sealed class AuthContext(string? peerIdentityPropertyName, IReadOnlyDictionary<string, IReadOnlyList<AuthProperty>> properties)
{
    /// <summary>A peer that proved nothing.</summary>
    public static AuthContext Anonymous { get; } =
        new(peerIdentityPropertyName: null, System.Collections.ObjectModel.ReadOnlyDictionary<string, IReadOnlyList<AuthProperty>>.Empty);

    public bool IsPeerAuthenticated => PeerIdentityPropertyName is not null;

    /// <summary>The name of the property that identifies the peer, or null.</summary>
    public string? PeerIdentityPropertyName { get; } = peerIdentityPropertyName;

    public IEnumerable<AuthProperty> PeerIdentity => PeerIdentityPropertyName is null ? [] : FindPropertiesByName(PeerIdentityPropertyName);

    public IEnumerable<AuthProperty> Properties => properties.Values.SelectMany(values => values);

    public IEnumerable<AuthProperty> FindPropertiesByName(string propertyName) =>
        properties.TryGetValue(propertyName, out var found) ? found : [];
}

/// <summary>One thing that the transport proved about the peer.</summary>
public sealed class AuthProperty
{
    private readonly byte[] _value;

    private AuthProperty(string name, byte[] value)
    {
        Name = name;
        _value = value;
    }

    public string Name { get; }

    public string Value => Encoding.UTF8.GetString(_value);

    public byte[] ValueBytes => [.. _value];

    public static AuthProperty Create(string name, byte[] valueBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(valueBytes);
        return new AuthProperty(name, [.. valueBytes]);
    }
}
