using System.Formats.Asn1;
using System.Security.Cryptography;

namespace EnclaveTesting.Kms;

/// <summary>
/// CiphertextForRecipient: CMS EnvelopedData (RFC 5652 §6) with the content under AES-256-CBC and its key under RSAES-OAEP with
/// SHA-256. Encoded as AWS does, the outer sequences with indefinite lengths: the parser in aws-nitro-enclaves-sdk-c walks
/// through exactly that form and fails on DER, which is also why the platform's own encoder does not serve here.
/// </summary>
internal static class RecipientEnvelope
{
    private const string EnvelopedData = "1.2.840.113549.1.7.3";
    private const string Data = "1.2.840.113549.1.7.1";
    private const string RsaesOaep = "1.2.840.113549.1.1.7";
    private const string Mgf1 = "1.2.840.113549.1.1.8";
    private const string Sha256 = "2.16.840.1.101.3.4.2.1";
    private const string Aes256Cbc = "2.16.840.1.101.3.4.1.42";
    private const int Version = 2;

    private static readonly byte[] StartSequence = [0x30, 0x80];
    private static readonly byte[] StartContext0 = [0xa0, 0x80];
    private static readonly byte[] End = [0x00, 0x00];

    /// <summary>Encrypts a plaintext so that the holder of a key can read it.</summary>
    public static byte[] Encrypt(ReadOnlySpan<byte> plaintext, RSA recipient)
    {
        using var cipher = Aes.Create();
        cipher.KeySize = 256;
        byte[] ciphertext = cipher.EncryptCbc(plaintext, cipher.IV);
        byte[] encryptedKey = recipient.Encrypt(cipher.Key, RSAEncryptionPadding.OaepSHA256);
        return
        [
            .. StartSequence,
            .. Der(writer => writer.WriteObjectIdentifier(EnvelopedData)),
            .. StartContext0,
            .. StartSequence,
            .. Der(writer => writer.WriteInteger(Version)),
            .. Der(writer => WriteRecipients(writer, recipient, encryptedKey)),
            .. StartSequence,
            .. Der(writer => writer.WriteObjectIdentifier(Data)),
            .. Der(writer => WriteContentAlgorithm(writer, cipher.IV)),
            .. StartContext0,
            .. Der(writer => writer.WriteOctetString(ciphertext)),
            .. End,
            .. End,
            .. End,
            .. End,
            .. End,
        ];
    }

    private static void WriteRecipients(AsnWriter writer, RSA recipient, byte[] encryptedKey)
    {
        using (writer.PushSetOf())
        using (writer.PushSequence())
        {
            writer.WriteInteger(Version);
            writer.WriteOctetString(SHA256.HashData(recipient.ExportSubjectPublicKeyInfo()), new Asn1Tag(TagClass.ContextSpecific, 0));
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(RsaesOaep);
                using (writer.PushSequence())
                {
                    using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
                        WriteSha256(writer);
                    using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 1)))
                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier(Mgf1);
                        WriteSha256(writer);
                    }
                }
            }

            writer.WriteOctetString(encryptedKey);
        }
    }

    private static void WriteSha256(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(Sha256);
            writer.WriteNull();
        }
    }

    private static void WriteContentAlgorithm(AsnWriter writer, byte[] initializationVector)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(Aes256Cbc);
            writer.WriteOctetString(initializationVector);
        }
    }

    private static byte[] Der(Action<AsnWriter> write)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        write(writer);
        return writer.Encode();
    }
}
