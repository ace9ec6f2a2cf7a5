using System.Buffers.Binary;
using System.Text;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// What a Linux enclave needs besides its application, for x86_64: the kernel and the init of guest/linux, which travel in this
/// assembly as they were built. The kernel is under the GPL, version 2; see <see cref="Licenses"/>.
/// </summary>
public static class GuestKit
{
    private const int KernelVersionField = 0x20e; // relative to 0x200 (Linux, Documentation/arch/x86/boot.rst)
    private const int SetupStart = 0x200;

    private static readonly Lazy<ReadOnlyMemory<byte>> KernelFile = new(() => Read("bzImage"));
    private static readonly Lazy<ReadOnlyMemory<byte>> InitFile = new(() => Read("init"));

    /// <summary>Linux as a bzImage, with drivers for all that an enclave has and no modules.</summary>
    public static ReadOnlyMemory<byte> Kernel => KernelFile.Value;

    /// <summary>The first process, a static executable that does what AWS's init does.</summary>
    public static ReadOnlyMemory<byte> Init => InitFile.Value;

    /// <summary>The kernel's release, such as "6.12.117".</summary>
    public static string KernelVersion
    {
        get
        {
            var kernel = Kernel.Span;
            var text = kernel[(SetupStart + BinaryPrimitives.ReadUInt16LittleEndian(kernel[KernelVersionField..]))..];
            return Encoding.ASCII.GetString(text[..text.IndexOfAny((byte)' ', (byte)0)]);
        }
    }

    /// <summary>The licences of these files, and where the kernel's source is.</summary>
    public static string Licenses => Encoding.UTF8.GetString(Read("LICENSES").Span);

    private static ReadOnlyMemory<byte> Read(string name)
    {
        using var stream = typeof(GuestKit).Assembly.GetManifestResourceStream($"guest/{name}")
            ?? throw new InvalidOperationException($"This build of the engine carries no guest kit: guest/{name} is not in it.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
