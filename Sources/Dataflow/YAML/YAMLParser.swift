import CYaml

/// What libyaml says next about a document.
enum YAMLEvent {
    case documentStart
    case documentEnd
    case streamEnd
    case alias(String)
    case scalar(text: String, isPlain: Bool)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
}

/// An event with its place and what stands before its value.
struct YAMLItem {
    let event: YAMLEvent
    let place: SourceRange
    let anchor: String?
    /// As written, `!!int` or `!mine`.
    let tag: String?
}

/// libyaml's parser over a text in memory.
final class YAMLParser {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let file: Int

    /// - Parameters:
    ///   - bytes: UTF-8 without a byte order mark.
    ///   - file: which of the files that are read; every place says so.
    init(bytes: [UInt8], file: Int = 0) {
        self.file = file
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: max(bytes.count, 1))
        _ = input.initialize(from: bytes)
        precondition(yaml_parser_initialize(parser) == 1, "yaml_parser_initialize: no memory")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    /// The next event.
    ///
    /// - Throws: libyaml's own account of what it could not read.
    func next() throws(YAMLFailure) -> YAMLItem {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
            defer { yaml_event_delete(&event) }
            if event.type == YAML_STREAM_START_EVENT { continue }
            return item(event)
        }
    }

    private func item(_ event: yaml_event_t) -> YAMLItem {
        let (value, anchor, tag) = Self.parts(of: event)
        return YAMLItem(
            event: value, place: range(event.start_mark, event.end_mark),
            anchor: anchor.map { String(cString: $0) },
            tag: tag.map { Self.shown(String(cString: $0)) })
    }

    private typealias Characters = UnsafeMutablePointer<yaml_char_t>

    private static func parts(of event: yaml_event_t) -> (YAMLEvent, Characters?, Characters?) {
        let data = event.data
        switch event.type {
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, nil, nil)
        case YAML_DOCUMENT_END_EVENT: return (.documentEnd, nil, nil)
        case YAML_ALIAS_EVENT: return (.alias(String(cString: data.alias.anchor)), nil, nil)
        case YAML_SCALAR_EVENT:
            let bytes = UnsafeBufferPointer(start: data.scalar.value, count: data.scalar.length)
            let isPlain = data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            let text = String(decoding: bytes, as: UTF8.self)
            return (.scalar(text: text, isPlain: isPlain), data.scalar.anchor, data.scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            return (.sequenceStart, data.sequence_start.anchor, data.sequence_start.tag)
        case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, nil, nil)
        case YAML_MAPPING_START_EVENT:
            return (.mappingStart, data.mapping_start.anchor, data.mapping_start.tag)
        case YAML_MAPPING_END_EVENT: return (.mappingEnd, nil, nil)
        default: return (.streamEnd, nil, nil)
        }
    }

    /// A range of several lines becomes its first line: nothing is underlined that was not meant.
    private func range(_ start: yaml_mark_t, _ end: yaml_mark_t) -> SourceRange {
        SourceRange(
            line: start.line + 1, column: start.column + 1,
            length: end.line == start.line ? max(end.column - start.column, 1) : 1, file: file)
    }

    private static func shown(_ tag: String) -> String {
        let standard = "tag:yaml.org,2002:"
        return tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag
    }

    private func failure() -> YAMLFailure {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "out of memory"
        if state.error == YAML_READER_ERROR {
            return YAMLFailure(
                problem: problem, place: place(ofByte: state.problem_offset), context: nil)
        }
        let context = state.context.map { text in
            (String(cString: text), range(state.context_mark, state.context_mark))
        }
        let place = range(state.problem_mark, state.problem_mark)
        return YAMLFailure(problem: problem, place: place, context: context)
    }

    private func place(ofByte offset: Int) -> SourceRange {
        let before = String(decoding: input.prefix(offset), as: UTF8.self).unicodeScalars
        let line = before.reversed().prefix { $0 != "\n" }.count
        return SourceRange(
            line: before.count { $0 == "\n" } + 1, column: line + 1, length: 1, file: file)
    }
}

/// Why libyaml could not read on.
struct YAMLFailure: Error {
    let problem: String
    let place: SourceRange
    let context: (text: String, place: SourceRange)?
}
