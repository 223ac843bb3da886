//! Clients of other years and languages read these schemas: what was said once stays.

use std::{collections::BTreeSet, env, fs, path::Path};

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

use crate::rpc::DESCRIPTORS;

#[test]
fn schemas_only_grow() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/frozen.txt");
    let now = listing();
    if env::var_os("WAYSIDE_ACCEPT_SCHEMA_ADDITIONS").is_some() {
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(removed(&kept, &now), Vec::<&str>::new(), "only additions");
        fs::write(&path, now.join("\n") + "\n").unwrap();
        return;
    }
    let frozen = fs::read_to_string(&path).unwrap();
    assert_eq!(
        removed(&frozen, &now),
        Vec::<&str>::new(),
        "these lines of proto/frozen.txt are broken: clients in the field rely on them"
    );
    let listed: BTreeSet<&str> = frozen.lines().collect();
    let added: Vec<_> = now
        .iter()
        .filter(|line| !listed.contains(line.as_str()))
        .collect();
    assert_eq!(
        added,
        Vec::<&String>::new(),
        "to freeze these additions too: WAYSIDE_ACCEPT_SCHEMA_ADDITIONS=1 cargo test -p wayside \
         schemas_only_grow"
    );
}

#[test]
fn a_changed_number_or_type_is_seen() {
    let frozen = "a.B.c 1 optional double\na.B.d 2 string\n";
    let renumbered = [
        "a.B.c 2 optional double".to_owned(),
        "a.B.d 2 string".into(),
    ];
    assert_eq!(removed(frozen, &renumbered), ["a.B.c 1 optional double"]);
    let grown = [
        "a.B.c 1 optional double".to_owned(),
        "a.B.d 2 string".into(),
        "a.B.e 3 bytes".into(),
    ];
    assert_eq!(removed(frozen, &grown), Vec::<&str>::new());
}

#[test]
fn every_method_is_explained() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut methods = 0;
    for file in own_files(&set) {
        let comments = file.source_code_info.as_ref().unwrap();
        for (service_index, service) in (0..).zip(&file.service) {
            for (index, method) in (0..).zip(&service.method) {
                // FileDescriptorProto.service = 6, ServiceDescriptorProto.method = 2.
                let path = [6, service_index, 2, index];
                let comment = comments
                    .location
                    .iter()
                    .find(|location| location.path == path)
                    .and_then(|location| location.leading_comments.clone())
                    .unwrap_or_default();
                assert!(!comment.trim().is_empty(), "{} says nothing", method.name());
                methods += 1;
            }
        }
    }
    assert_eq!(
        methods, 68,
        "telemetry 3, world 3, hazard 8, agent 5, replay 7, ledger 14, governance 3, witness 2, vault 6, record 6, issuing 5, road 6"
    );
}

/// The frozen lines that no longer hold.
fn removed<'a>(frozen: &'a str, now: &[String]) -> Vec<&'a str> {
    let now: BTreeSet<&str> = now.iter().map(String::as_str).collect();
    frozen.lines().filter(|line| !now.contains(line)).collect()
}

/// One line for each field, value and method, in order.
fn listing() -> Vec<String> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut lines = Vec::new();
    for file in own_files(&set) {
        for message in &file.message_type {
            list_message(file.package(), message, &mut lines);
        }
        for values in &file.enum_type {
            list_enum(file.package(), values, &mut lines);
        }
        for service in &file.service {
            list_service(file.package(), service, &mut lines);
        }
    }
    lines.sort();
    lines
}

fn own_files(set: &FileDescriptorSet) -> impl Iterator<Item = &FileDescriptorProto> {
    set.file
        .iter()
        .filter(|file| file.package().starts_with("wayside."))
}

fn list_message(scope: &str, message: &DescriptorProto, lines: &mut Vec<String>) {
    let name = format!("{scope}.{}", message.name());
    lines.push(format!("{name} message"));
    for field in &message.field {
        let kind = kind(field);
        lines.push(format!("{name}.{} {} {kind}", field.name(), field.number()));
    }
    for nested in &message.nested_type {
        list_message(&name, nested, lines);
    }
    for values in &message.enum_type {
        list_enum(&name, values, lines);
    }
}

fn kind(field: &FieldDescriptorProto) -> String {
    let label = match (field.proto3_optional(), field.oneof_index) {
        (true, _) => "optional ",
        (false, Some(_)) => "oneof ",
        (false, None) if field.label() == prost_types::field_descriptor_proto::Label::Repeated => {
            "repeated "
        }
        (false, None) => "",
    };
    let kind = if field.type_name().is_empty() {
        let name = field.r#type().as_str_name();
        name.trim_start_matches("TYPE_").to_lowercase()
    } else {
        field.type_name().trim_start_matches('.').to_owned()
    };
    format!("{label}{kind}")
}

fn list_enum(scope: &str, values: &EnumDescriptorProto, lines: &mut Vec<String>) {
    for value in &values.value {
        lines.push(format!(
            "{scope}.{}.{} {}",
            values.name(),
            value.name(),
            value.number()
        ));
    }
}

fn list_service(scope: &str, service: &ServiceDescriptorProto, lines: &mut Vec<String>) {
    for method in &service.method {
        let stream = |streams| if streams { "stream " } else { "" };
        lines.push(format!(
            "{scope}.{}.{} ({}{}) returns ({}{})",
            service.name(),
            method.name(),
            stream(method.client_streaming()),
            method.input_type().trim_start_matches('.'),
            stream(method.server_streaming()),
            method.output_type().trim_start_matches('.'),
        ));
    }
}
