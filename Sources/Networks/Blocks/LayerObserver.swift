import Tensors

/// Told of what every layer of a network puts out, by the layer's name in the checkpoint.
///
/// Steps inside a layer are named `<layer>/<step>`. Used to compare with reference values, and to
/// see where numbers go wrong; with an observer, steps that are otherwise fused run apart.
package typealias LayerObserver = (_ name: String, _ value: Tensor<Float>) -> Void
