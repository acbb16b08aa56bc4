// The one module that plugins import: the public faces of the core, and the ordered dictionary that they speak.
@_exported import Compression
@_exported import Formats
@_exported import Graph
@_exported import OrderedCollections
@_exported import Runtime
@_exported import Support
@_exported import Tensor
@_exported import Training
