using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Devices.Nsm;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.Nsm;

public sealed class DeterministicEcdsaTests(ITestOutputHelper output)
{
    // RFC 6979, A.2.6.
    private const string Key = "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5";
    private const string PublicX = "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13";
    private const string PublicY = "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720";

    [Theory]
    [InlineData("sample",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8")]
    [InlineData("test",
        "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB",
        "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5")]
    public void Signatures_are_those_of_RFC_6979(string message, string r, string s) =>
        Assert.Equal(r + s, Convert.ToHexString(DeterministicEcdsa.Sign(P384.Read(Convert.FromHexString(Key)), Encoding.ASCII.GetBytes(message))));

    [Fact]
    public void The_public_key_is_that_of_RFC_6979()
    {
        byte[] x = new byte[P384.Size], y = new byte[P384.Size];
        var point = P384.MultiplyBase(P384.Read(Convert.FromHexString(Key)));
        P384.Write(point.X, x);
        P384.Write(point.Y, y);

        Assert.Equal((PublicX, PublicY), (Convert.ToHexString(x), Convert.ToHexString(y)));
    }

    [Fact]
    public void The_platform_verifies_signatures_of_random_keys()
    {
        int seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (int i = 0; i < 50; i++)
        {
            byte[] material = new byte[56], message = new byte[random.Next(300)];
            random.NextBytes(material);
            random.NextBytes(message);
            var key = AttestationKey.FromBytes(material);
            using ECDsa platform = key.Export();
            byte[] signature = key.Sign(message);

            Assert.Equal(signature, key.Sign(message));
            Assert.True(Verify(platform, message, signature));
            signature[random.Next(signature.Length)] ^= 1;
            Assert.False(Verify(platform, message, signature));
        }
    }

    /// <summary>Small and large multiples, at which additions meet the same point or its opposite.</summary>
    [Fact]
    public void The_platform_has_the_same_multiples_at_the_edges()
    {
        foreach (int distance in (int[])[1, 2, 3, 4, 15, 16, 17, 255, 65536])
        {
            foreach (var scalar in ((System.Numerics.BigInteger[])[distance, P384.Order - distance, (System.Numerics.BigInteger.One << 96) + distance]))
            {
                byte[] bytes = new byte[P384.Size], x = new byte[P384.Size], y = new byte[P384.Size];
                P384.Write(scalar, bytes);
                var (pointX, pointY) = P384.MultiplyBase(scalar);
                P384.Write(pointX, x);
                P384.Write(pointY, y);
                using var platform = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP384, D = bytes, Q = new ECPoint { X = x, Y = y } });
                Assert.True(Verify(platform, bytes, DeterministicEcdsa.Sign(scalar, bytes)), $"{scalar:x}");
            }
        }
    }

    private static bool Verify(ECDsa key, byte[] message, byte[] signature) =>
        key.VerifyData(message, signature, HashAlgorithmName.SHA384, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
}
