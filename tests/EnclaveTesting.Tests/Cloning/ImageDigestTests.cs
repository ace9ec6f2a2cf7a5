using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Tests.Cloning;

public sealed class ImageDigestTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("image-digest-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Files_and_memory_with_the_same_image_have_the_same_digest()
    {
        byte[] image = Image(1);
        string path = Write(image, DateTime.UtcNow.AddHours(-1));

        using EifImage loaded = EifImage.Load(image);
        Of(path).Should().Be(Convert.ToHexString(ImageDigest.Of(loaded)));
        Of(path).Should().Be(Of(path), "it is remembered");
        Of(Write(Image(2), DateTime.UtcNow.AddHours(-1), "other.eif")).Should().NotBe(Of(path));
    }

    /// <summary>Whatever its time stamp says: a build may write a file twice within the resolution of the clock.</summary>
    [Fact]
    public void A_file_that_was_written_again_at_once_has_another_digest()
    {
        // Still to come, however slow this test is.
        DateTime time = DateTime.UtcNow.AddHours(1);
        string first = Of(Write(Image(1), time));

        Of(Write(Image(2), time)).Should().NotBe(first);
    }

    [Fact]
    public void A_file_that_was_written_later_has_another_digest()
    {
        string first = Of(Write(Image(1), DateTime.UtcNow.AddHours(-2)));

        Of(Write(Image(2), DateTime.UtcNow.AddHours(-1))).Should().NotBe(first);
    }

    private static byte[] Image(byte kernel)
    {
        byte[] bytes = new byte[4096];
        Array.Fill(bytes, kernel);
        return new EifBuilder().WithKernel(bytes).WithCommandLine("console=ttyS0").AddRamdisk(new byte[16]).Build();
    }

    private static string Of(string path)
    {
        using EifImage image = EifImage.Open(path);
        return Convert.ToHexString(ImageDigest.Of(image));
    }

    private string Write(byte[] image, DateTime time, string name = "app.eif")
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllBytes(path, image);
        File.SetLastWriteTimeUtc(path, time);
        return path;
    }
}
