using System.Reflection;

namespace EnclaveTesting;

/// <summary>Tells functions of a test's author apart, and one from the same one in another build; what they have captured it does not tell.</summary>
internal static class CodeIdentity
{
    /// <summary>The function's assembly, by what the compiler says of its contents, and its place in it.</summary>
    public static string Of(Delegate function)
    {
        MethodInfo method = function.Method;
        // One that was made at run time has nothing but its name.
        return method.HasMetadataToken() ? $"{method.Module.ModuleVersionId:n}.{method.MetadataToken:x}" : method.Name;
    }
}
