import CPosix
import Glibc

/// Where a virtual camera's pictures go: a device of v4l2loopback, or a pipe, which gets one picture behind the
/// other. All else is refused: pictures would go over what is in a file or on a disk.
///
/// It belongs to one thread, which waits while a reader of a pipe takes nothing.
final class VideoPlace {
    let path: String
    let width: Int, height: Int
    let layout: RawPictures.Layout
    private let descriptor: Int32

    /// Opens it, and settles with a device on the size and layout of pictures.
    ///
    /// - Parameters:
    ///   - width: even, as is the height: of pictures that are wanted.
    ///   - layout: for a pipe.
    /// - Throws: ``MediaError/camera(device:reason:advice:)``.
    init(
        _ path: String, width: Int, height: Int, rate: Double, layout: RawPictures.Layout
    ) throws(MediaError) {
        self.path = path
        // A pipe that nobody reads is an error, and not a wait.
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.error(path, errno) }
        self.descriptor = descriptor
        var status = stat()
        fstat(descriptor, &status)
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFIFO else {
            (self.width, self.height, self.layout) = (width, height, layout)
            return
        }
        guard kind == S_IFCHR, posix_takes_video(descriptor) != 0 else {
            close(descriptor)
            throw .camera(
                device: path, reason: "it takes no pictures",
                advice: "a virtual camera is made with: " + Self.module)
        }
        do throws(MediaError) {
            (self.width, self.height, self.layout) = try Self.settle(
                descriptor, path, width, height, rate)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    static let module = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=personalive"

    private static func error(_ path: String, _ code: Int32) -> MediaError {
        let reason = code == ENXIO ? "nobody reads it" : String(cString: strerror(code))
        let advice =
            code == ENOENT
            ? "a virtual camera is made with: " + module
            : code == EACCES
                ? "become a member of the group 'video'"
                : code == ENXIO ? "start the program that reads it" : "is it a virtual camera?"
        return .camera(device: path, reason: reason, advice: advice)
    }

    private static func settle(
        _ descriptor: Int32, _ path: String, _ width: Int, _ height: Int, _ rate: Double
    ) throws(MediaError) -> (Int, Int, RawPictures.Layout) {
        var found = ""
        for (name, _) in layouts {
            var text = Array(name.utf8).map { CChar($0) }
            var (wide, high) = (Int32(width), Int32(height))
            let code = posix_set_video(descriptor, &text, &wide, &high, rate)
            guard code == 0 else { throw error(path, -code) }
            found = String(decoding: text.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // A device that another program reads already keeps the size that it has.
            if let layout = layout(of: found), wide > 0, high > 0, wide % 2 == 0, high % 2 == 0 {
                return (Int(wide), Int(high), layout)
            }
        }
        throw .camera(
            device: path, reason: "it wants '\(found)' pictures",
            advice: "YUYV and YU12 can be made: close the programs that read it, and try again")
    }

    /// V4L2's names, in the order in which they are asked for.
    static let layouts: [(name: String, layout: RawPictures.Layout)] = [
        ("YUYV", .yuyv), ("YU12", .i420),
    ]

    static func layout(of name: String) -> RawPictures.Layout? {
        layouts.first { $0.name == name }?.layout
    }

    /// Writes one picture, whole.
    ///
    /// - Parameter isOver: asked twice a second while a reader takes nothing.
    func write(_ picture: [UInt8], until isOver: () -> Bool) throws(MediaError) {
        var written = 0
        while written < picture.count {
            let count = picture.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + written, picture.count - written)
            }
            if count > 0 {
                written += count
            } else if count == 0 || errno == EAGAIN {
                guard !isOver() else { return }
                var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&item, 1, 500)
            } else if errno != EINTR {
                throw Self.error(path, errno == EPIPE ? ENXIO : errno)
            }
        }
    }
}
