/// What a plugin's generated code hands its `plugin` to.
public final class PluginHost {
  private(set) var plugin: Plugin?

  init() {}

  /// Called by the generated code of a plugin, with the pointer that the host gave it.
  public static func receive(_ plugin: Plugin, _ host: UnsafeMutableRawPointer) {
    Unmanaged<PluginHost>.fromOpaque(host).takeUnretainedValue().plugin = plugin
  }

  /// The Swift source that makes a plugin callable.
  static let source = """
    import PareKit

    @c(pare_plugin_register)
    public func parePluginRegister(_ host: UnsafeMutableRawPointer) { PluginHost.receive(plugin, host) }

    """

  static let registerSymbol = "pare_plugin_register"
}
