namespace EnclaveTesting.Engine.Images;

/// <summary>One name of an archive: its type and permissions, and its data in memory or in a file of the host.</summary>
internal sealed record CpioEntry(uint Mode, ReadOnlyMemory<byte> Data = default, string? HostPath = null, uint Uid = 0, uint Gid = 0, uint DeviceMajor = 0, uint DeviceMinor = 0)
{
    private const uint TypeMask = 0xF000;

    public uint Type => Mode & TypeMask;

    public bool IsDirectory => Type == CpioWriter.TypeDirectory;

    public void WriteTo(CpioWriter writer, string name)
    {
        if (HostPath is null)
        {
            writer.Write(name, Mode, Uid, Gid, Data.Span, DeviceMajor, DeviceMinor);
            return;
        }

        using var file = File.OpenRead(HostPath);
        if (file.Length > uint.MaxValue)
            throw new IOException($"{HostPath} has {file.Length} bytes; a file in a newc archive has less than 4 GiB.");
        writer.Write(name, Mode, Uid, Gid, file, (uint)file.Length);
    }
}
